// What SEARCH answers, written in pieces: a search may find every message of a large mailbox. RFC 3501 7.2.5, RFC 4731
// 3.1, RFC 9051 7.3.4.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "imapd/response/ResponseWriter.h"

namespace imapd {

// What ESEARCH says: what is there is sent.
struct ExtendedResult {
    bool isUid = false;
    std::optional<std::uint32_t> min, max;
    std::vector<std::uint32_t> all;  // ascending; empty: not sent
    std::optional<std::size_t> count;
};

class SearchAnswer {
public:
    SearchAnswer() = default;                                   // nothing
    explicit SearchAnswer(std::vector<std::uint32_t> numbers);  // * SEARCH 1 2 3
    SearchAnswer(std::string tag, ExtendedResult result);       // * ESEARCH (TAG "a1") ALL 1:3

    // Writes the next piece, some kilobytes at most; true once all is written. Nothing else may come in between.
    bool write(ResponseWriter& writer);

private:
    enum class Form { None, Search, Extended };
    void begin(ResponseWriter& writer) const;

    Form _form = Form::None;
    std::string _tag;
    ExtendedResult _result;
    bool _isBegun = false;
    std::size_t _next = 0;  // of _result.all
};

}  // namespace imapd
