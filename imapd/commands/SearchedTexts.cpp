#include "imapd/commands/SearchedTexts.h"

#include <algorithm>

#include "imapd/commands/MessageContent.h"

namespace imapd {

SearchedTexts::SearchedTexts(Patterns inBodies, Patterns inMessages) {
    for (const auto& pattern : inBodies) _inBodies.push_back(pattern.get());
    for (const auto& pattern : inMessages) _inMessages.push_back(pattern.get());
    _owned = std::move(inBodies);
    _owned.insert(_owned.end(), inMessages.begin(), inMessages.end());
}

SearchedTexts::Found SearchedTexts::lookIn(maildir::Mailbox& mailbox, maildir::Uid uid) const {
    MessageContent content(mailbox, uid);
    const maildir::MessageFile& file = content.file();
    const maildir::Structure& structure = content.structure();
    Found found;
    if (!_inBodies.empty()) found.inBody = maildir::searchMessage(file, structure, _inBodies, false);
    if (!_inMessages.empty()) found.inMessage = maildir::searchMessage(file, structure, _inMessages, true);
    return found;
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
