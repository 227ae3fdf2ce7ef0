#include "imapd/fetch/FetchedMessage.h"

#include <algorithm>
#include <ctime>
#include <utility>

#include "imapd/fetch/Sections.h"
#include "imapd/parser/DateTime.h"
#include "imapd/session/BrokenResponse.h"
#include "imapd/session/Session.h"
#include "imapd/session/SizeOf.h"

namespace imapd {

using maildir::Error;
using maildir::ErrorKind;
using maildir::Extent;
using maildir::RecordRef;
using maildir::Snapshot;

namespace {

constexpr std::size_t pieceOctets = 64 * 1024;

// INTERNALDATE in the server's zone, as the day that SEARCH ON compares is.
std::string internalDateText(std::int64_t seconds) {
    const std::time_t time = seconds;
    std::tm local{};
    const long east = localtime_r(&time, &local) == nullptr ? 0 : local.tm_gmtoff;
    return formatDateTime(seconds, static_cast<int>(east / 60));
}

// RFC 3501 6.4.5: a partial fetch that begins past the end gives the empty string.
std::string cut(std::string text, const FetchPlan::Part& part) {
    if (!part.isPartial) return text;
    if (part.first >= text.size()) return {};
    return text.substr(static_cast<std::size_t>(part.first),
                       static_cast<std::size_t>(std::min<std::uint64_t>(part.count, text.size())));
}

}  // namespace

FetchedMessage::FetchedMessage(Session& session, const FetchPlan& plan, const ItemFormat& format, Uid uid,
                               std::optional<PreparedMessage> prepared, bool tellsFlags)
    : _plan(&plan),
      _format(&format),
      _uid(uid),
      _prepared(std::move(prepared)),
      _content(_prepared ? *_prepared->content : _own.emplace(session.view().mailbox(), uid, format.rendering)),
      _items(_content, format) {
    prepareParts();
    writeHead(session, tellsFlags);
}

// Opens what the sections will be read from, so that a message that is gone is known now.
void FetchedMessage::prepareParts() {
    for (const FetchPlan::Part& part : _plan->parts) {
        _known.push_back(part.derivedKey.empty() ? nullptr : _content.derived(part.derivedKey));
        if (_known.back()) continue;
        _content.file();
        if (part.choosesFields() && part.section.part.empty()) {
            _content.header();
        } else {
            const std::string_view encoding = encodingOf(_content.structure(), part.section.part);
            const bool isDecoded = part.form != FetchPlan::Part::AsSent;
            if (isDecoded && !maildir::TransferDecoder::isKnown(encoding)) throw UnknownEncoding();
        }
    }
}

void FetchedMessage::writeHead(Session& session, bool tellsFlags) {
    ResponseWriter head(_head, session.features());
    const std::optional<SeqNum> number = session.view().numberOf(_uid);
    if (!number) throw Error(ErrorKind::Expunged, "the view does not show the message");
    head.raw("* ").number(number->value).raw(" FETCH (");
    writeRecordItems(session, head, tellsFlags);
    writeStructureItems(head);
    if (_plan->showsStructure() && _format->tellsDamage) noteDamage(number->value);
}

// RFC 3501 7.1: PARSE tells of headers that could not be read. What is wrong is kept, so that it is said each time.
void FetchedMessage::noteDamage(std::uint32_t number) {
    const std::shared_ptr<const std::string> damage = _items.damage();
    if (!damage->empty()) _damage = "Message " + std::to_string(number) + ": " + *damage;
}

void FetchedMessage::writeRecordItems(Session& session, ResponseWriter& head, bool tellsFlags) {
    View& view = session.view();
    maildir::Mailbox& mailbox = view.mailbox();
    // The newest flags; a message that another session expunged keeps those that the view shows.
    std::shared_ptr<const Snapshot> snapshot = mailbox.snapshot();
    std::optional<RecordRef> record = snapshot->find(_uid);
    if (!record) {
        snapshot = view.sharedShown();
        record = snapshot->find(_uid);
    }
    if (!record) throw Error(ErrorKind::Expunged, "no record of the message");
    if (_plan->uid) head.raw("UID ").number(_uid.value).raw(" ");
    if (_plan->flags || tellsFlags) {
        // RFC 9051 has no \Recent.
        head.raw("FLAGS ").flagList(view.namesOf(**record, snapshot->keywords(), !session.features().rev2)).raw(" ");
        const std::optional<RecordRef> shown = view.shown().find(_uid);
        if (!shown || !(*record)->sameFlags(**shown)) view.flagsAreKnown(_uid, (*record)->flags, (*record)->keywords);
    }
    if (_plan->internalDate) {
        head.raw("INTERNALDATE \"").raw(internalDateText(mailbox.internalDate(_uid))).raw("\" ");
    }
    if (_plan->size) head.raw("RFC822.SIZE ").number(messageOctets(session, *record)).raw(" ");
}

void FetchedMessage::writeStructureItems(ResponseWriter& head) {
    if (_plan->envelope) head.raw("ENVELOPE ").raw(*_items.envelope()).raw(" ");
    if (_plan->body) head.raw("BODY ").raw(*_items.body()).raw(" ");
    if (_plan->bodyStructure) head.raw("BODYSTRUCTURE ").raw(*_items.bodyStructure()).raw(" ");
}

bool FetchedMessage::write(Session& session, const TimeSlice& slice) {
    try {
        while (!_isWhole && !session.outputIsFull() && !slice.isOver()) writePiece(session);
    } catch (const Error& error) {
        // The response has begun, and a literal's size is announced: there is no way to take it back.
        throw BrokenResponse(std::string("FETCH cannot be completed: ") + error.what());
    }
    return _isWhole;
}

void FetchedMessage::writePiece(Session& session) {
    ResponseWriter writer = session.writer();
    if (!_isHeadWritten) {
        if (_plan->parts.empty()) _head.pop_back();  // the space after the last item
        writer.raw(_head);
        _head = {};
        _isHeadWritten = true;
    } else if (_literal) {
        std::string& out = writer.buffer();
        const std::size_t before = out.size();
        if (_literal->read(out, pieceOctets) == 0) throw Error(ErrorKind::Expunged, "the message became shorter");
        if (_content.structure().hasNul) replaceNuls(out, before);
        if (_literal->remaining() == 0) _literal.reset();
    } else if (_binary) {
        if (_binary->write(writer)) _binary.reset();
    } else if (_nextPart < _plan->parts.size()) {
        if (_nextPart > 0) writer.raw(" ");
        beginPart(writer, _nextPart++);
    } else {
        writer.raw(")\r\n");
        if (!_damage.empty()) writer.status("OK", "PARSE", _damage);
        _isWhole = true;
    }
}

void FetchedMessage::beginPart(ResponseWriter& writer, std::size_t index) {
    const FetchPlan::Part& part = _plan->parts[index];
    writer.raw(part.name).raw(" ");
    if (part.choosesFields()) {
        const std::shared_ptr<const std::string> known = std::exchange(_known[index], nullptr);
        writer.literal(cut(known ? *known : chosenText(part), part));
        return;
    }
    const std::optional<Extent> extent = resolveSection(_content.structure(), part.section);
    const bool isDecoded =
        part.form == FetchPlan::Part::DecodedSize ||
        (part.form == FetchPlan::Part::Decoded && !FetchedBinary::isAsSent(_content.structure(), part.section));
    if (extent && isDecoded) {
        _binary.emplace(_content, part, *extent);
    } else if (extent) {
        beginExtent(writer, part, *extent);
    } else if (part.form == FetchPlan::Part::DecodedSize) {
        writer.raw("0");
    } else {
        writer.literal("");  // a part that is not there has no octets, as Dovecot and others answer
    }
}

std::string FetchedMessage::chosenText(const FetchPlan::Part& part) {
    if (part.section.part.empty()) return *_items.headerFields(part);
    const bool isNot = part.section.kind == Section::HeaderFieldsNot;
    const std::optional<Extent> header = resolveSection(_content.structure(), part.section);
    return header ? chosenFields(_content.stored(*header), part.section.fields, isNot) : std::string();
}

void FetchedMessage::beginExtent(ResponseWriter& writer, const FetchPlan::Part& part, const Extent& extent) {
    _literal.emplace(_content.file(), extent, _content.structure().lineEndings, part.first, part.count);
    writer.raw("{").number(_literal->remaining()).raw("}\r\n");
    if (_literal->remaining() == 0) _literal.reset();
}

}  // namespace imapd
