// The texts that one SEARCH looks for in messages (BODY, TEXT), and which of them one message has. Immutable: any
// thread.
#pragma once

#include <memory>
#include <vector>

#include "maildir/mailbox/Mailbox.h"
#include "maildir/message/TextSearch.h"

namespace imapd {

class SearchedTexts {
public:
    using Patterns = std::vector<std::shared_ptr<const maildir::SearchPattern>>;
    using Asked = std::vector<const maildir::SearchPattern*>;

    // inMessages: looked for in headers too.
    SearchedTexts(Patterns inBodies, Patterns inMessages);

    // For each text, in order, whether it is there.
    struct Found {
        std::vector<bool> inBody, inMessage;
    };
    // Reads the message. Throws maildir::Error; Expunged once the message is gone.
    [[nodiscard]] Found lookIn(maildir::Mailbox& mailbox, maildir::Uid uid) const;

    // What was found of some of these patterns, in their order.
    [[nodiscard]] std::vector<bool> answers(const Found& found, const Asked& asked, bool withHeaders) const;

private:
    Patterns _owned;
    Asked _inBodies, _inMessages;
};

}  // namespace imapd
