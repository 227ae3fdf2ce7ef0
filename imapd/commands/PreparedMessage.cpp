#include "imapd/commands/PreparedMessage.h"

#include <algorithm>

#include "imapd/commands/Sections.h"

namespace imapd {

namespace {

using maildir::Extent;

// A message counts as so many octets at least: its file may stay open.
constexpr std::uint64_t leastOctets = 64 * 1024;
// What is larger is read when it is sent, in pieces.
constexpr std::uint64_t maxHeldOctets = 128 * 1024;

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

void derive(MessageContent& content, const FetchPlan& plan, const ItemFormat& format) {
    DerivedItems items(content, format);
    // One reading of the file serves them all. What is known of its structure makes the rest worth keeping.
    const std::uint64_t octets = content.file().storedOctets();
    if (!content.knowsStructure() && octets <= maxHeldOctets) content.hold(0, static_cast<std::size_t>(octets));
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

std::optional<PreparedMessage> prepareMessage(maildir::Mailbox& mailbox, maildir::Uid uid, const FetchPlan& plan,
                                              const ItemFormat& format, OctetBudget& budget) {
    auto content = std::make_unique<MessageContent>(mailbox, uid, format.rendering);
    derive(*content, plan, format);
    if (!plan.readsContent()) return std::nullopt;
    const Range range = rangeOf(plan, content->structure());
    const std::uint64_t held = range.octets() <= maxHeldOctets ? range.octets() : 0;
    std::optional<OctetBudget::Share> memory = budget.take(std::max(held, leastOctets));
    if (!memory) return std::nullopt;
    content->hold(range.first, static_cast<std::size_t>(held));
    content->closeIfHeld();
    return PreparedMessage{std::move(content), std::move(*memory)};
}

}  // namespace imapd
