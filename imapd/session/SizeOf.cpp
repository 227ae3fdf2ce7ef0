#include "imapd/session/SizeOf.h"

#include "imapd/session/Services.h"
#include "imapd/session/Session.h"
#include "maildir/UnreadableFile.h"

namespace imapd {

namespace {

class RecordFacts : public maildock::MessageFacts {
public:
    RecordFacts(maildir::Mailbox& mailbox, const maildir::RecordRef& record, maildir::Rendering rendering)
        : _mailbox(&mailbox), _record(&record), _rendering(rendering) {}

    [[nodiscard]] std::optional<std::uint64_t> recordedWireOctets() const override {
        // Recorded was what the message has as stored: of a rendering that is not exact (row V0006).
        if (_rendering != maildir::Rendering::AsStored) return std::nullopt;
        return known((*_record)->recordedWireOctets);
    }
    [[nodiscard]] std::optional<std::uint64_t> recordedStoredOctets() const override {
        return known((*_record)->recordedStoredOctets);
    }
    [[nodiscard]] std::uint64_t storedOctets() override { return _mailbox->storedOctets((*_record)->uid); }
    [[nodiscard]] std::uint64_t exactOctets() override { return _mailbox->exactOctets((*_record)->uid, _rendering); }

private:
    static std::optional<std::uint64_t> known(std::uint64_t octets) {
        if (octets == maildir::unknownOctets) return std::nullopt;
        return octets;
    }

    maildir::Mailbox* _mailbox;
    const maildir::RecordRef* _record;
    maildir::Rendering _rendering;
};

}  // namespace

maildir::Rendering renderingFor(const Session& session) {
    return session.policy().sevenBit ? maildir::Rendering::SevenBit : maildir::Rendering::AsStored;
}

std::uint64_t messageOctets(const maildock::SizeStrategy& strategy, maildir::Mailbox& mailbox,
                            const maildir::RecordRef& record, maildir::Rendering rendering) {
    RecordFacts facts(mailbox, record, rendering);
    return strategy.octets(facts);
}

std::uint64_t messageOctets(Session& session, const maildir::RecordRef& record) {
    return messageOctets(*session.services().sizeStrategy(), session.view().mailbox(), record, renderingFor(session));
}

std::uint64_t countedOctets(Session& session, maildir::Mailbox& mailbox, const maildir::RecordRef& record) {
    try {
        return messageOctets(*session.services().sizeStrategy(), mailbox, record, renderingFor(session));
    } catch (const maildir::Error& error) {
        if (!maildir::isOfOneMessage(error)) throw;
        session.noteUnreadable(error);
        return mailbox.storedOctets(record->uid);
    }
}

}  // namespace imapd
