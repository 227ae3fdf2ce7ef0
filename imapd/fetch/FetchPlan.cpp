#include "imapd/fetch/FetchPlan.h"

#include <algorithm>

#include "imapd/fetch/Sections.h"

namespace imapd {

namespace {

// The order and case in which fields are named do not matter to what is chosen.
std::string derivedKeyOf(const Section& section) {
    constexpr std::size_t maxKeyOctets = 512;
    if (!section.part.empty()) return {};
    if (section.kind != Section::HeaderFields && section.kind != Section::HeaderFieldsNot) return {};
    std::vector<std::string> names = section.fields;
    for (std::string& name : names) {
        for (char& c : name) {
            if (c >= 'a' && c <= 'z') c = static_cast<char>(c - 'a' + 'A');
        }
    }
    std::sort(names.begin(), names.end());
    names.erase(std::unique(names.begin(), names.end()), names.end());
    std::string key = section.kind == Section::HeaderFields ? "fields1" : "fieldsnot1";
    for (const std::string& name : names) {
        key += ' ';
        key += name;
        if (key.size() > maxKeyOctets) return {};
    }
    return key;
}

bool is8Bit(char c) {
    return static_cast<unsigned char>(c) >= 0x80;
}

FetchPlan::Part partOf(const FetchItem& item, const WireFeatures& features) {
    FetchPlan::Part part;
    part.section = item.section;
    switch (item.kind) {
        case FetchItem::Rfc822:
            part.name = "RFC822";
            break;
        case FetchItem::Rfc822Peek:
            part.name = "RFC822";
            break;  // RFC 1176: the answer has no PEEK in its name
        case FetchItem::Rfc822Header:
            part.section.kind = Section::Header;
            part.name = "RFC822.HEADER";
            break;
        case FetchItem::Rfc822Text:
            part.section.kind = Section::Text;
            part.name = "RFC822.TEXT";
            break;
        case FetchItem::Binary:
            part.form = FetchPlan::Part::Decoded;
            part.name = sectionName(item.section, features.utf8, "BINARY");
            break;
        case FetchItem::BinarySize:
            part.form = FetchPlan::Part::DecodedSize;
            part.name = sectionName(item.section, features.utf8, "BINARY.SIZE");
            break;
        default:
            part.name = sectionName(item.section, features.utf8);
            break;
    }
    // Names of fields, as the client wrote them.
    if (features.sevenBit) std::replace_if(part.name.begin(), part.name.end(), is8Bit, '?');
    if (item.isPartial) {
        part.isPartial = true;
        part.first = item.partialFirst;
        part.count = item.partialCount;
        part.name += '<' + std::to_string(part.first) + '>';
    }
    part.derivedKey = derivedKeyOf(part.section);
    return part;
}

}  // namespace

FetchPlan FetchPlan::of(const Fetch& fetch, const WireFeatures& features) {
    FetchPlan plan;
    plan.uid = fetch.isUid;  // RFC 3501 6.4.8
    for (const FetchItem& item : fetch.items) {
        switch (item.kind) {
            case FetchItem::Envelope:
                plan.envelope = true;
                break;
            case FetchItem::Flags:
                plan.flags = true;
                break;
            case FetchItem::InternalDate:
                plan.internalDate = true;
                break;
            case FetchItem::Rfc822Size:
                plan.size = true;
                break;
            case FetchItem::Body:
                plan.body = true;
                break;
            case FetchItem::BodyStructure:
                plan.bodyStructure = true;
                break;
            case FetchItem::Uid:
                plan.uid = true;
                break;
            case FetchItem::Rfc822:
            case FetchItem::Rfc822Text:
                plan.setsSeen = true;
                plan.parts.push_back(partOf(item, features));
                break;
            case FetchItem::Rfc822Header:
            case FetchItem::Rfc822Peek:
                plan.parts.push_back(partOf(item, features));
                break;
            case FetchItem::BodySection:
            case FetchItem::Binary:
            case FetchItem::BinarySize:  // is a peek (RFC 3516 4.2)
                plan.setsSeen = plan.setsSeen || !item.isPeek;
                plan.parts.push_back(partOf(item, features));
                break;
        }
    }
    return plan;
}

}  // namespace imapd
