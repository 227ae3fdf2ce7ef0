#include "maildir/message/Header.h"

#include <algorithm>

#include "maildir/message/Ascii.h"

namespace maildir {

namespace {

// Position after the LF of the line that starts at `at`.
std::size_t afterLine(std::string_view text, std::size_t at) {
    const std::size_t lineEnd = text.find('\n', at);
    return lineEnd == std::string_view::npos ? text.size() : lineEnd + 1;
}

std::string_view withoutLineEnd(std::string_view line) {
    if (!line.ends_with('\n')) return line;
    line.remove_suffix(1);
    if (line.ends_with('\r')) line.remove_suffix(1);
    return line;
}

HeaderField fieldOf(std::string_view raw) {
    HeaderField field;
    field.raw = raw;
    field.value = withoutLineEnd(raw);
    // A first line that is a fold has nothing to continue: no field.
    const std::size_t colon = ascii::isBlank(raw.front()) ? std::string_view::npos : field.value.find(':');
    if (colon == std::string_view::npos || field.value.substr(0, colon).find('\n') != std::string_view::npos)
        return field;
    const std::string_view name = ascii::trim(field.value.substr(0, colon));
    if (name.empty()) return field;
    field.name = name;
    field.value.remove_prefix(colon + 1);
    return field;
}

}  // namespace

std::vector<HeaderField> headerFields(std::string_view block) {
    std::vector<HeaderField> fields;
    std::size_t at = 0;
    while (at < block.size()) {
        std::size_t end = afterLine(block, at);
        const std::string_view line = block.substr(at, end - at);
        if (line == "\n" || line == "\r\n") break;
        while (end < block.size() && ascii::isBlank(block[end])) end = afterLine(block, end);
        fields.push_back(fieldOf(block.substr(at, end - at)));
        at = end;
    }
    return fields;
}

std::string unfold(std::string_view value) {
    value = ascii::trim(value);
    std::string unfolded;
    unfolded.reserve(value.size());
    while (true) {
        const std::size_t lineEnd = value.find('\n');
        if (lineEnd == std::string_view::npos) break;
        std::string_view line = value.substr(0, lineEnd);
        if (line.ends_with('\r')) line.remove_suffix(1);
        unfolded += line;
        value.remove_prefix(lineEnd + 1);
    }
    unfolded += value;
    return unfolded;
}

}  // namespace maildir
