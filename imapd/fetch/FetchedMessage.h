// The FETCH response of one message, written in pieces. Everything that can fail because the message is gone is looked
// at before the first octet is written; a literal is streamed from the file, never held.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "imapd/fetch/DerivedItems.h"
#include "imapd/fetch/FetchPlan.h"
#include "imapd/fetch/FetchedBinary.h"
#include "imapd/fetch/MessageContent.h"
#include "imapd/fetch/PreparedMessage.h"
#include "imapd/response/ResponseWriter.h"
#include "imapd/session/TimeSlice.h"

namespace imapd {

class Session;

class FetchedMessage {
public:
    // plan, format and session outlive this. prepared: what another thread made ready of this message, if one did.
    // tellsFlags: FLAGS are shown though not asked for, since \Seen was just set. Throws maildir::Error with nothing
    // written, Expunged if the message is gone; UnknownEncoding.
    FetchedMessage(Session& session, const FetchPlan& plan, const ItemFormat& format, Uid uid,
                   std::optional<PreparedMessage> prepared, bool tellsFlags);
    FetchedMessage(const FetchedMessage&) = delete;
    FetchedMessage& operator=(const FetchedMessage&) = delete;

    // Writes until the output is full or the time over; true once the response is whole. Throws BrokenResponse.
    bool write(Session& session, const TimeSlice& slice);

private:
    void writeHead(Session& session, bool tellsFlags);
    void writeRecordItems(Session& session, ResponseWriter& head, bool tellsFlags);
    void writeStructureItems(ResponseWriter& head);
    void noteDamage(std::uint32_t number);
    void prepareParts();
    void writePiece(Session& session);
    void beginPart(ResponseWriter& writer, std::size_t index);
    void beginExtent(ResponseWriter& writer, const FetchPlan::Part& part, const maildir::Extent& extent);
    std::string chosenText(const FetchPlan::Part& part);

    const FetchPlan* _plan;
    const ItemFormat* _format;
    Uid _uid;
    std::optional<PreparedMessage> _prepared;
    std::optional<MessageContent> _own;  // where nothing was prepared
    MessageContent& _content;
    DerivedItems _items;
    std::vector<std::shared_ptr<const std::string>> _known;  // for each section: chosen fields derived before, or null
    std::string _head;                                       // what comes before the sections; given out first
    std::string _damage;                                     // told after the response; empty: none
    bool _isHeadWritten = false;
    std::size_t _nextPart = 0;
    std::optional<maildir::WireReader> _literal;  // the section being streamed
    std::optional<FetchedBinary> _binary;         // the section being decoded
    bool _isWhole = false;
};

}  // namespace imapd
