// The end of a command: the status of its tagged response, with code and text. RFC 3501 7.1, RFC 5530, RFC 9051 7.1.
#pragma once

#include <string>
#include <utility>

namespace imapd {

struct Reply {
    enum Status { Ok, No, Bad };
    Status status = Ok;
    std::string code;  // what stands in the brackets, such as "READ-WRITE"; empty: none
    std::string text;

    static Reply ok(std::string text, std::string code = {}) { return {Ok, std::move(code), std::move(text)}; }
    static Reply no(std::string text, std::string code = {}) { return {No, std::move(code), std::move(text)}; }
    static Reply bad(std::string text, std::string code = {}) { return {Bad, std::move(code), std::move(text)}; }
};

}  // namespace imapd
