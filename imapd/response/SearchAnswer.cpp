#include "imapd/response/SearchAnswer.h"

#include <utility>

namespace imapd {

SearchAnswer::SearchAnswer(std::vector<std::uint32_t> numbers) : _form(Form::Search) {
    _result.all = std::move(numbers);
}

SearchAnswer::SearchAnswer(std::string tag, ExtendedResult result)
    : _form(Form::Extended), _tag(std::move(tag)), _result(std::move(result)) {}

void SearchAnswer::begin(ResponseWriter& writer) const {
    if (_form == Form::Search) {
        writer.raw("* SEARCH");
        return;
    }
    writer.raw("* ESEARCH (TAG ").string(_tag).raw(")");
    if (_result.isUid) writer.raw(" UID");
    if (_result.min) writer.raw(" MIN ").number(*_result.min);
    if (_result.max) writer.raw(" MAX ").number(*_result.max);
}

bool SearchAnswer::write(ResponseWriter& writer) {
    constexpr std::size_t pieceNumbers = 1024;
    if (_form == Form::None) return true;
    if (!std::exchange(_isBegun, true)) begin(writer);
    const std::vector<std::uint32_t>& all = _result.all;
    const char* separator = _form == Form::Search ? " " : _next == 0 ? " ALL " : ",";
    for (std::size_t written = 0; written < pieceNumbers && _next < all.size(); ++written) {
        std::size_t last = _next;
        // The shortest set: what follows on each other is a range.
        if (_form == Form::Extended) {
            while (last + 1 < all.size() && all[last + 1] - all[last] == 1) ++last;
        }
        writer.raw(separator).number(all[_next]);
        if (last > _next) writer.raw(":").number(all[last]);
        if (_form == Form::Extended) separator = ",";
        _next = last + 1;
    }
    if (_next < all.size()) return false;
    if (_result.count) writer.raw(" COUNT ").number(*_result.count);
    writer.raw("\r\n");
    return true;
}

}  // namespace imapd
