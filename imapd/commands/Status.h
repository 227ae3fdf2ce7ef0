// STATUS (RFC 3501 6.3.10, RFC 8438 SIZE, RFC 9051 6.3.11 DELETED).
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "imapd/parser/Command.h"
#include "imapd/session/Execution.h"
#include "maildir/mailbox/Mailbox.h"

namespace imapd {

class Session;
class TimeSlice;

// One STATUS response in the making: sizes may have to be read from the messages. Also for LIST's RETURN (STATUS
// (...)).
class StatusWork {
public:
    StatusWork(std::shared_ptr<maildir::Mailbox> mailbox, std::string wireName, std::vector<StatusItem> items);
    // Goes on until the slice is over; true once the response is written.
    bool step(Session& session, const TimeSlice& slice);

private:
    std::shared_ptr<maildir::Mailbox> _mailbox;
    std::string _wireName;
    std::vector<StatusItem> _items;
    std::shared_ptr<const maildir::Snapshot> _snapshot;
    std::size_t _next = 0;  // message whose size is to be added
    std::uint64_t _octets = 0;
};

std::unique_ptr<Execution> startStatus(Session& session, Arguments&& arguments);

}  // namespace imapd
