#include "plugins/auth-oauth2/HttpAnswer.h"

#include <Poco/Exception.h>
#include <Poco/Net/MessageHeader.h>
#include <Poco/String.h>

#include <charconv>
#include <sstream>
#include <string_view>

namespace maildock::oauth2 {

namespace {

constexpr int maxFields = 100;

std::size_t sizeFrom(std::string_view text, int base) {
    std::size_t size = 0;
    const auto [stop, error] = std::from_chars(text.data(), text.data() + text.size(), size, base);
    if (error != std::errc() || stop != text.data() + text.size()) throw HttpError("has a length that is no number");
    return size;
}

// RFC 9112 7.1; extensions of chunks and trailers are ignored.
std::string joinChunks(std::string_view rest) {
    std::string body;
    for (;;) {
        const std::size_t end = rest.find("\r\n");
        if (end == std::string_view::npos) throw HttpError("ends too early");
        const std::string_view line = rest.substr(0, end);
        const std::size_t size = sizeFrom(line.substr(0, line.find_first_of("; \t")), 16);
        rest.remove_prefix(end + 2);
        if (size == 0) return body;
        if (rest.size() < 2 || size > rest.size() - 2) throw HttpError("ends too early");
        if (rest.substr(size, 2) != "\r\n") throw HttpError("has a chunk that is longer than it says");
        body += rest.substr(0, size);
        rest.remove_prefix(size + 2);
    }
}

// RFC 9112 4. Not by Poco's HTTPResponse, whose enumeration of statuses does not hold all of three digits.
int statusOf(std::string_view line) {
    const auto isDigit = [](char c) { return c >= '0' && c <= '9'; };
    const bool isStatus = line.size() >= 12 && line.substr(0, 7) == "HTTP/1." && isDigit(line[7]) && line[8] == ' ' &&
                          isDigit(line[9]) && isDigit(line[10]) && isDigit(line[11]) &&
                          (line.size() == 12 || line[12] == ' ');
    if (!isStatus) throw HttpError("is no answer of HTTP/1.1");
    return (line[9] - '0') * 100 + (line[10] - '0') * 10 + (line[11] - '0');
}

}  // namespace

HttpAnswer parseHttpAnswer(const std::string& octets) {
    const std::size_t end = octets.find("\r\n\r\n");
    if (end == std::string::npos) throw HttpError("is no answer of HTTP/1.1");
    HttpAnswer answer;
    answer.status = statusOf(std::string_view(octets).substr(0, octets.find("\r\n")));
    const std::size_t begin = octets.find("\r\n") + 2;
    Poco::Net::MessageHeader head;
    head.setFieldLimit(maxFields);
    try {
        std::istringstream stream(octets.substr(begin, end + 4 - begin));
        head.read(stream);
    } catch (const Poco::Exception&) {
        throw HttpError("is no answer of HTTP/1.1");
    }
    const std::string_view rest = std::string_view(octets).substr(end + 4);
    // RFC 9112 6.3: a transfer coding stands before a length; without both the body ends with the connection.
    if (const std::string coding = Poco::toLower(head.get("Transfer-Encoding", "")); !coding.empty()) {
        if (coding != "chunked") throw HttpError("is coded in a way that was not asked for");
        answer.body = joinChunks(rest);
    } else if (head.has("Content-Length")) {
        const std::size_t size = sizeFrom(head.get("Content-Length"), 10);
        if (size > rest.size()) throw HttpError("ends too early");
        answer.body = rest.substr(0, size);
    } else {
        answer.body = rest;
    }
    return answer;
}

}  // namespace maildock::oauth2
