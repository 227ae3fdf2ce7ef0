#include "imapd/search/SearchedTexts.h"

#include <algorithm>
#include <utility>

namespace imapd {

SearchedTexts::SearchedTexts(Patterns inBodies, Patterns inMessages) {
    for (const auto& pattern : inBodies) _inBodies.push_back(pattern.get());
    for (const auto& pattern : inMessages) _inMessages.push_back(pattern.get());
    _owned = std::move(inBodies);
    _owned.insert(_owned.end(), inMessages.begin(), inMessages.end());
}

SearchedTexts::Reading::Reading(const SearchedTexts& texts, maildir::Mailbox& mailbox, maildir::Uid uid)
    : _texts(texts), _content(mailbox, uid), _isInMessages(texts._inBodies.empty()) {
    (void)_content.file();
}

bool SearchedTexts::Reading::step() {
    if (!_search) {
        const Asked& asked = _isInMessages ? _texts._inMessages : _texts._inBodies;
        if (asked.empty()) return true;
        _search.emplace(_content.file(), _content.structure(), asked, _isInMessages);
        return false;
    }
    if (!_search->step()) return false;
    (_isInMessages ? _found.inMessage : _found.inBody) = _search->found();
    _search.reset();
    return std::exchange(_isInMessages, true) || _texts._inMessages.empty();
}

std::optional<SearchedTexts::Found> SearchedTexts::lookIn(maildir::Mailbox& mailbox, maildir::Uid uid) const {
    constexpr std::uint64_t mostOctets = 4u << 20;  // of a message, for one text
    Reading reading(*this, mailbox, uid);
    if (reading.octets() * std::max<std::size_t>(_inBodies.size() + _inMessages.size(), 1) > mostOctets) return {};
    while (!reading.step()) {
    }
    return reading.take();
}

std::vector<bool> SearchedTexts::answers(const Found& found, const Asked& asked, bool withHeaders) const {
    const Asked& all = withHeaders ? _inMessages : _inBodies;
    const std::vector<bool>& isThere = withHeaders ? found.inMessage : found.inBody;
    std::vector<bool> answers;
    for (const maildir::SearchPattern* pattern : asked) {
        const auto at = std::find(all.begin(), all.end(), pattern);
        answers.push_back(at != all.end() && isThere[static_cast<std::size_t>(at - all.begin())]);
    }
    return answers;
}

}  // namespace imapd
