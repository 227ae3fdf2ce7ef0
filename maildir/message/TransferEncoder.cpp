#include "maildir/message/TransferEncoder.h"

#include <algorithm>
#include <array>

#include "maildir/message/Ascii.h"

namespace maildir {

namespace {

constexpr char base64Digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
constexpr std::size_t base64Column = 76;

// As TransferDecoder: longer runs of blanks are text.
constexpr std::size_t maxBlanks = 1000;

bool isForbidden(char c) {
    return static_cast<unsigned char>(c) >= 0x80 || c == '\0';
}

// What stands for itself anywhere in a line of quoted-printable.
constexpr std::array<bool, 256> makeSafe() {
    std::array<bool, 256> safe{};
    for (std::size_t c = '!'; c <= '~'; ++c) safe[c] = c != '=';
    return safe;
}

constexpr auto isSafe = makeSafe();

}  // namespace

void Base64Encoder::group(unsigned char a, unsigned char b, unsigned char c, std::string& out) {
    if (_column >= base64Column) {
        out += "\r\n";
        _column = 0;
    }
    const std::uint32_t bits = (std::uint32_t(a) << 16) | (std::uint32_t(b) << 8) | c;
    const char digits[4] = {base64Digits[bits >> 18], base64Digits[(bits >> 12) & 63], base64Digits[(bits >> 6) & 63],
                            base64Digits[bits & 63]};
    out.append(digits, 4);
    _column += 4;
}

void Base64Encoder::encode(std::string_view octets, std::string& out) {
    std::size_t at = 0;
    while (_pendingCount > 0 && _pendingCount < 3 && at < octets.size()) {
        const auto octet = static_cast<unsigned char>(octets[at++]);
        if (_pendingCount == 2) {
            group(_pending[0], _pending[1], octet, out);
            _pendingCount = 0;
            break;
        }
        _pending[_pendingCount++] = octet;
    }
    const auto* data = reinterpret_cast<const unsigned char*>(octets.data());
    for (; octets.size() - at >= 3; at += 3) group(data[at], data[at + 1], data[at + 2], out);
    while (at < octets.size()) _pending[_pendingCount++] = data[at++];
}

void Base64Encoder::finish(std::string& out) {
    if (_pendingCount == 0) return;
    group(_pending[0], _pendingCount == 2 ? _pending[1] : 0, 0, out);
    out.replace(out.size() - (3 - _pendingCount), 3 - _pendingCount, 3 - _pendingCount, '=');
    _pendingCount = 0;
}

void QuotedLines::quoted(char c, std::string& out) {
    constexpr char digits[] = "0123456789ABCDEF";
    if (_column + 3 > maxColumn) softBreak(out);
    const auto octet = static_cast<unsigned char>(c);
    const char escape[3] = {'=', digits[octet >> 4], digits[octet & 15]};
    out.append(escape, 3);
    _column += 3;
}

std::size_t QuotedLines::run(std::string_view text, std::string& out) {
    if (_column >= maxColumn || (_column == 0 && text.front() == '-')) return 0;
    const std::size_t most = std::min(text.size(), maxColumn - _column);
    const auto stays = [&](std::size_t i) { return i < text.size() && isSafe[static_cast<unsigned char>(text[i])]; };
    std::size_t size = 0;
    // A blank that text follows is at no line's end.
    while (size < most && (stays(size) || (ascii::isBlank(text[size]) && stays(size + 1)))) ++size;
    out += text.substr(0, size);
    _column += size;
    return size;
}

void QuotedPrintableEncoder::flushBlank(bool isAtLineEnd, std::string& out) {
    if (_blank == 0) return;
    if (isAtLineEnd) {
        _lines.quoted(_blank, out);  // RFC 2045 6.7 (3)
    } else {
        _lines.plain(_blank, out);
    }
    _blank = 0;
}

void QuotedPrintableEncoder::encode(std::string_view text, std::string& out) {
    while (!text.empty()) {
        if (!_isCr && _blank == 0) {
            text.remove_prefix(_lines.run(text, out));
            if (text.empty()) return;
        }
        const char c = text.front();
        text.remove_prefix(1);
        if (c == '\n') {
            _isCr = false;
            flushBlank(true, out);
            _lines.hardBreak(out);
            continue;
        }
        if (_isCr) {  // a CR alone is no line end
            _isCr = false;
            flushBlank(false, out);
            _lines.quoted('\r', out);
        }
        if (isSafe[static_cast<unsigned char>(c)]) {
            flushBlank(false, out);
            _lines.plain(c, out);
        } else if (ascii::isBlank(c)) {
            flushBlank(false, out);
            _blank = c;
        } else if (c == '\r') {
            _isCr = true;
        } else {
            flushBlank(false, out);
            _lines.quoted(c, out);
        }
    }
}

void QuotedPrintableEncoder::finish(std::string& out) {
    if (_isCr) {
        _isCr = false;
        flushBlank(false, out);
        _lines.quoted('\r', out);
    }
    flushBlank(true, out);
}

void QuotedPrintableMender::put(char c, std::string& out) {
    if (isForbidden(c)) return _lines.quoted(c, out);
    // A break after blanks would be one more place where a reader takes them for padding.
    if (_lines.column() >= QuotedLines::maxColumn && ascii::isBlank(c)) {
        out += c;
        return;
    }
    _lines.plain(c, out);
}

std::size_t QuotedPrintableMender::takeEscape(std::string_view encoded, std::size_t at, std::string& out, bool isLast) {
    std::size_t next = at + 1;
    while (next < encoded.size() && ascii::isBlank(encoded[next]) && next - at < maxBlanks) ++next;
    const bool isCr = next < encoded.size() && encoded[next] == '\r';
    const std::size_t lineEnd = isCr ? next + 1 : next;
    const bool mayGoOn = lineEnd >= encoded.size() || (next == at + 1 && next + 1 >= encoded.size());
    if (mayGoOn && !isLast && encoded.size() - at <= maxBlanks) return std::string_view::npos;
    if (lineEnd < encoded.size() && encoded[lineEnd] == '\n') {
        _lines.softBreak(out);
        return lineEnd + 1;
    }
    if (lineEnd >= encoded.size() && isLast) {
        out += '=';  // a break before the end
        return encoded.size();
    }
    const bool isEscape =
        at + 2 < encoded.size() && ascii::hexValue(encoded[at + 1]) >= 0 && ascii::hexValue(encoded[at + 2]) >= 0;
    if (!isEscape) {
        _lines.quoted('=', out);
        return at + 1;
    }
    if (_lines.column() + 3 > QuotedLines::maxColumn) _lines.softBreak(out);
    for (std::size_t i = 0; i < 3; ++i) _lines.plain(encoded[at + i], out);
    return at + 3;
}

void QuotedPrintableMender::step(std::string_view encoded, std::string& out, bool isLast) {
    std::string joined;
    if (!_incomplete.empty()) {
        joined = std::move(_incomplete);
        joined += encoded;
        encoded = joined;
        _incomplete.clear();
    }
    for (std::size_t at = 0; at < encoded.size();) {
        const char c = encoded[at];
        if (c == '=') {
            const std::size_t next = takeEscape(encoded, at, out, isLast);
            if (next == std::string_view::npos) {
                _incomplete = encoded.substr(at);
                return;
            }
            at = next;
        } else if (c == '\r' && at + 1 == encoded.size() && !isLast) {
            _incomplete = encoded.substr(at);
            return;
        } else if (c == '\n' || (c == '\r' && at + 1 < encoded.size() && encoded[at + 1] == '\n')) {
            _lines.hardBreak(out);
            at += c == '\r' ? 2 : 1;
        } else {
            put(c, out);
            ++at;
        }
    }
}

}  // namespace maildir
