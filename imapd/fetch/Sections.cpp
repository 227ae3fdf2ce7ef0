#include "imapd/fetch/Sections.h"

#include <algorithm>
#include <unordered_set>

#include "imapd/response/ResponseWriter.h"
#include "maildir/message/Header.h"
#include "maildir/message/MessageFile.h"

namespace imapd {

using maildir::Extent;
using maildir::Part;
using maildir::Structure;

namespace {

// Every number of a part leads into what the part before holds: a multipart's parts, or the one part that a message
// which is no multipart is itself (RFC 3501 6.4.5: every message has at least one part number).
const Part* findPart(const Part& message, const std::vector<std::uint32_t>& numbers) {
    const Part* holder = &message;
    bool isWholeMessage = true;
    const Part* found = nullptr;
    for (const std::uint32_t number : numbers) {
        if (holder == nullptr || number == 0) return nullptr;
        if (holder->isMultipart()) {
            if (number > holder->children.size()) return nullptr;
            found = &holder->children[number - 1];
        } else if (isWholeMessage && number == 1) {
            found = holder;
        } else {
            return nullptr;
        }
        isWholeMessage = found->isMessage();
        if (isWholeMessage) {
            holder = &found->children.front();
        } else {
            holder = found->isMultipart() ? found : nullptr;
        }
    }
    return found;
}

std::string upperCase(std::string_view text) {
    std::string upper(text);
    for (char& c : upper) {
        if (c >= 'a' && c <= 'z') c = static_cast<char>(c - 'a' + 'A');
    }
    return upper;
}

bool endsWithEmptyLine(std::string_view header) {
    return header == "\n" || header == "\r\n" || header.ends_with("\n\n") || header.ends_with("\n\r\n");
}

}  // namespace

std::string_view encodingOf(const Structure& structure, const std::vector<std::uint32_t>& numbers) {
    constexpr std::string_view none = "binary";
    const Part* part = numbers.empty() ? nullptr : findPart(structure.root, numbers);
    const bool hasOwn =
        part != nullptr && !part->isMultipart() && !part->isMessage() && !part->transferEncoding.empty();
    return hasOwn ? std::string_view(part->transferEncoding) : none;
}

std::optional<Extent> resolveSection(const Structure& structure, const Section& section) {
    if (section.part.empty()) {
        if (section.kind == Section::Whole) return Extent{0, structure.storedOctets, structure.wireOctets};
        return section.kind == Section::Text ? structure.root.body : structure.root.header;
    }
    const Part* part = findPart(structure.root, section.part);
    if (part == nullptr) return std::nullopt;
    if (section.kind == Section::Whole) return part->body;
    if (section.kind == Section::Mime) return part->header;
    if (!part->isMessage()) return std::nullopt;
    const Part& message = part->children.front();
    return section.kind == Section::Text ? message.body : message.header;
}

std::string chosenFields(std::string_view storedHeader, const std::vector<std::string>& names, bool isNot) {
    std::unordered_set<std::string> wanted;
    for (const std::string& name : names) wanted.insert(upperCase(name));
    std::string chosen;
    for (const maildir::HeaderField& field : maildir::headerFields(storedHeader)) {
        // A line that is no field has no name: it is among those that were not named.
        if (wanted.contains(upperCase(field.name)) == isNot) continue;
        chosen += field.raw;
    }
    // RFC 3501 6.4.5: the empty line is in every choice, but for a message that has none, and so no body.
    if (endsWithEmptyLine(storedHeader)) chosen += '\n';
    return maildir::toWire(chosen);
}

std::string sectionName(const Section& section, bool utf8, std::string_view item) {
    std::string name(item);
    name += '[';
    for (std::size_t i = 0; i < section.part.size(); ++i) {
        if (i > 0) name += '.';
        name += std::to_string(section.part[i]);
    }
    if (section.kind != Section::Whole && !section.part.empty()) name += '.';
    switch (section.kind) {
        case Section::Whole:
            break;
        case Section::Header:
            name += "HEADER";
            break;
        case Section::HeaderFields:
            name += "HEADER.FIELDS";
            break;
        case Section::HeaderFieldsNot:
            name += "HEADER.FIELDS.NOT";
            break;
        case Section::Text:
            name += "TEXT";
            break;
        case Section::Mime:
            name += "MIME";
            break;
    }
    if (!section.fields.empty()) {
        const WireFeatures features{utf8, false, false};
        ResponseWriter writer(name, features);
        for (std::size_t i = 0; i < section.fields.size(); ++i)
            writer.raw(i == 0 ? " (" : " ").astring(section.fields[i]);
        writer.raw(")");
    }
    name += ']';
    return name;
}

}  // namespace imapd
