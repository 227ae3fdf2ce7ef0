// The message of one APPEND on its way in: opened when its literal begins, fed by the session, taken by the command.
// Owned by its session.
#pragma once

#include <memory>
#include <optional>

#include "imapd/parser/Command.h"
#include "imapd/response/Reply.h"
#include "imapd/session/MessageScan.h"
#include "maildir/mailbox/Mailbox.h"

namespace imapd {

class AppendReception {
public:
    // The next octets of the message. Binary content has no lines yet. Throws maildir::Error.
    void take(std::string_view octets) {
        scan.feed(octets);
        if (arguments.isBinary)
            delivery->writeAsIs(octets);
        else
            delivery->write(octets);
    }

    Append arguments;
    std::shared_ptr<maildir::Mailbox> mailbox;    // null if refused
    std::unique_ptr<maildir::Delivery> delivery;  // null if refused
    MessageScan scan;                             // of the octets that came
    std::optional<Reply> refusal;                 // why the message is not taken; its octets are then passed over
};

}  // namespace imapd
