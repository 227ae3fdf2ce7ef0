#include "imapd/fetch/PreparedMessage.h"

#include <algorithm>

#include "imapd/fetch/Sections.h"

namespace imapd {

namespace {

using maildir::Extent;

constexpr std::size_t maxUsed = 256;  // contents that wait for their end: more than are prepared ahead

struct Range {
    std::uint64_t first = UINT64_MAX, end = 0;
    [[nodiscard]] std::uint64_t octets() const { return end > first ? end - first : 0; }
};

// The stored octets from which the response is made.
Range rangeOf(const FetchPlan& plan, const maildir::Structure& structure) {
    Range range;
    for (const FetchPlan::Part& part : plan.parts) {
        if (!part.derivedKey.empty()) continue;
        const std::optional<Extent> extent = resolveSection(structure, part.section);
        if (!extent) continue;
        std::uint64_t octets = extent->storedOctets;
        // What is sent is never shorter than what is stored, but for what is decoded.
        const bool endsEarly = part.form == FetchPlan::Part::AsSent && !part.choosesFields() && part.isPartial;
        if (endsEarly && part.first < octets) octets = std::min(octets, part.first + std::min(octets, part.count));
        range.first = std::min(range.first, extent->storedOffset);
        range.end = std::max(range.end, extent->storedOffset + octets);
    }
    return range;
}

// Into memory, if there is so much; otherwise it is read when it is sent, in pieces.
void hold(MessageContent& content, std::uint64_t offset, std::uint64_t octets, std::span<char> memory) {
    if (octets <= memory.size()) content.hold(offset, memory.first(static_cast<std::size_t>(octets)));
}

void derive(MessageContent& content, const FetchPlan& plan, const ItemFormat& format, std::span<char> memory) {
    DerivedItems items(content, format);
    // One reading of the file serves them all. What is known of its structure makes the rest worth keeping.
    const std::uint64_t octets = content.file().storedOctets();
    if (!content.knowsStructure()) hold(content, 0, octets, memory);
    (void)content.structure();
    for (const FetchPlan::Part& part : plan.parts) {
        if (!part.derivedKey.empty()) (void)items.headerFields(part);
    }
    if (plan.envelope) (void)items.envelope();
    if (plan.body) (void)items.body();
    if (plan.bodyStructure) (void)items.bodyStructure();
    if (plan.showsStructure() && format.tellsDamage) (void)items.damage();
}

}  // namespace

UsedContents::UsedContents() {
    _contents.reserve(maxUsed);  // add() ends a response: it must not fail
}

void UsedContents::add(std::unique_ptr<MessageContent> content) {
    const std::lock_guard lock(_mutex);
    if (_contents.size() < maxUsed && content->isClosed()) _contents.push_back(std::move(content));
}

void UsedContents::clear() {
    for (;;) {
        std::unique_ptr<MessageContent> last;
        const std::lock_guard lock(_mutex);  // not held any more at the end of `last`
        if (_contents.empty()) return;
        last = std::move(_contents.back());
        _contents.pop_back();
    }
}

std::optional<PreparedMessage> MessagePreparer::operator()(maildir::Mailbox& mailbox, maildir::Uid uid) const {
    _used->clear();
    std::optional<OctetPool::Block> memory = _pool->take();
    auto content = std::make_unique<MessageContent>(mailbox, uid, _format.rendering);
    derive(*content, _plan, _format, memory ? memory->octets() : std::span<char>());
    if (!_plan.readsContent() || !memory) return std::nullopt;
    const Range range = rangeOf(_plan, content->structure());
    if (!content->file().held(range.first, static_cast<std::size_t>(range.octets()))) {
        hold(*content, range.first, range.octets(), memory->octets());
    }
    content->closeIfHeld();
    return PreparedMessage{std::move(*memory), {content.release(), PreparedMessage::Leave{_used}}};
}

}  // namespace imapd
