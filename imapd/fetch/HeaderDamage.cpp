#include "imapd/fetch/HeaderDamage.h"

#include <algorithm>
#include <string_view>

#include "maildir/message/Header.h"
#include "maildir/message/TransferDecoder.h"

namespace imapd {

using maildir::EnvelopeFields;
using maildir::Part;

namespace {

// Also a boundary in RFC 2231 continuations.
bool isBoundary(std::string_view name) {
    constexpr std::string_view boundary = "boundary";
    return name.size() >= boundary.size() &&
           std::equal(boundary.begin(), boundary.end(), name.begin(), [](char a, char b) { return a == (b | 0x20); });
}

std::string damageOf(const Part& part) {
    const auto& parameters = part.parameters;
    const bool hasBoundary =
        std::any_of(parameters.begin(), parameters.end(), [](const auto& each) { return isBoundary(each.first); });
    if (part.isMultipart() && !hasBoundary) return "the Content-Type of a multipart has no boundary";
    if (!maildir::TransferDecoder::isKnown(part.transferEncoding)) {
        return "the Content-Transfer-Encoding of a part is not known";
    }
    for (const Part& child : part.children) {
        if (std::string damage = damageOf(child); !damage.empty()) return damage;
    }
    return {};
}

}  // namespace

std::string damageOf(const maildir::Structure& structure) {
    if (const EnvelopeFields* const fields = structure.root.envelope.get()) {
        const std::string& date = fields->values[EnvelopeFields::Date];
        if (!date.empty() && !maildir::parseDate(date)) return "the Date cannot be read";
    }
    return damageOf(structure.root);
}

}  // namespace imapd
