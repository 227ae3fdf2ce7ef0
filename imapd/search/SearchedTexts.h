// The texts that one SEARCH looks for in messages (BODY, TEXT), and which of them one message has. Immutable: any
// thread.
#pragma once

#include <memory>
#include <optional>
#include <vector>

#include "imapd/fetch/MessageContent.h"
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
    // A message that can't be read has none of the texts.
    [[nodiscard]] Found nothing() const {
        return {std::vector<bool>(_inBodies.size()), std::vector<bool>(_inMessages.size())};
    }
    // One message that is read for them, in pieces. One thread.
    class Reading {
    public:
        // Throws maildir::Error, as step(); Expunged once the message is gone.
        Reading(const SearchedTexts& texts, maildir::Mailbox& mailbox, maildir::Uid uid);
        // A block of it; true: all that is there is found.
        bool step();
        [[nodiscard]] std::uint64_t octets() { return _content.file().storedOctets(); }
        Found take() { return std::move(_found); }

    private:
        const SearchedTexts& _texts;
        MessageContent _content;
        std::optional<maildir::MessageSearch> _search;
        bool _isInMessages;  // what is looked for in headers too is looked for now
        Found _found;
    };
    // Reads the message, for a reader who will come to it; nothing if that takes long, so that the reader is not kept
    // waiting: it reads in pieces itself. Throws maildir::Error.
    [[nodiscard]] std::optional<Found> lookIn(maildir::Mailbox& mailbox, maildir::Uid uid) const;

    // What was found of some of these patterns, in their order.
    [[nodiscard]] std::vector<bool> answers(const Found& found, const Asked& asked, bool withHeaders) const;

private:
    Patterns _owned;
    Asked _inBodies, _inMessages;
};

}  // namespace imapd
