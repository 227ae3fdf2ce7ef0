#include "maildir/cache/FactCodec.h"

#include "maildir/cache/Bytes.h"

namespace maildir {

namespace {

// What there is, as bits of the first number.
constexpr std::uint64_t hasFile = 1, hasHash = 2, hasExactOctets = 4, hasStructure = 8;

constexpr std::uint32_t maxDepth = 200;  // above that of StructureLimits: a bound for the stack
constexpr std::size_t partOctets = 20;   // a part takes this many at least

void writeExtent(ByteWriter& out, const Extent& extent) {
    out.number(extent.storedOffset);
    out.number(extent.storedOctets);
    out.number(extent.wireOctets);
}

Extent readExtent(ByteReader& in) {
    Extent extent;
    extent.storedOffset = in.number();
    extent.storedOctets = in.number();
    extent.wireOctets = in.number();
    return extent;
}

void writeParameters(ByteWriter& out, const Parameters& parameters) {
    out.number(parameters.size());
    for (const auto& [name, value] : parameters) {
        out.string(name);
        out.string(value);
    }
}

Parameters readParameters(ByteReader& in) {
    Parameters parameters(in.count(2));
    for (auto& [name, value] : parameters) {
        name = in.string();
        value = in.string();
    }
    return parameters;
}

void writePart(ByteWriter& out, const Part& part) {
    writeExtent(out, part.header);
    writeExtent(out, part.body);
    out.number(part.bodyLines);
    for (const std::string* text : {&part.type, &part.subtype, &part.transferEncoding, &part.contentId,
                                    &part.description, &part.md5, &part.disposition, &part.location}) {
        out.string(*text);
    }
    writeParameters(out, part.parameters);
    writeParameters(out, part.dispositionParameters);
    out.number(part.languages.size());
    for (const std::string& language : part.languages) out.string(language);
    out.number(part.envelope ? 1 : 0);
    for (int field = 0; part.envelope && field < EnvelopeFields::Count; ++field) {
        out.number(part.envelope->present[field] ? 1 : 0);
        out.string(part.envelope->values[field]);
    }
    out.number(part.children.size());
    for (const Part& child : part.children) writePart(out, child);
}

bool readPart(ByteReader& in, Part& part, std::uint32_t depth) {
    if (depth > maxDepth) return false;
    part.header = readExtent(in);
    part.body = readExtent(in);
    part.bodyLines = in.as<std::uint32_t>();
    for (std::string* text : {&part.type, &part.subtype, &part.transferEncoding, &part.contentId, &part.description,
                              &part.md5, &part.disposition, &part.location}) {
        *text = in.string();
    }
    part.parameters = readParameters(in);
    part.dispositionParameters = readParameters(in);
    part.languages.resize(in.count(1));
    for (std::string& language : part.languages) language = in.string();
    if (in.number(1) != 0) {
        part.envelope = std::make_unique<EnvelopeFields>();
        for (int field = 0; field < EnvelopeFields::Count; ++field) {
            part.envelope->present[field] = in.number(1) != 0;
            part.envelope->values[field] = in.string();
        }
    }
    part.children.resize(in.count(partOctets));
    for (Part& child : part.children) {
        if (!readPart(in, child, depth + 1)) return false;
    }
    return in.isSound();
}

void writeFile(ByteWriter& out, const FileFacts& file) {
    out.signedNumber(file.internalDate);
    out.number(file.storedOctets);
    out.number(file.inode);
    out.number(file.fileOctets);
    out.signedNumber(file.modificationNanoseconds);
    if (!file.hasContentHash) return;
    for (const std::uint64_t half : file.contentHash) out.fixed(half);
}

FileFacts readFile(ByteReader& in, bool hasContentHash) {
    FileFacts file;
    file.internalDate = in.signedNumber();
    file.storedOctets = in.number();
    file.inode = in.number();
    file.fileOctets = in.number();
    file.modificationNanoseconds = in.signedNumber();
    file.hasContentHash = hasContentHash;
    if (hasContentHash) {
        for (std::uint64_t& half : file.contentHash) half = in.fixed();
    }
    return file;
}

}  // namespace

std::string encodeStructure(const Structure& structure) {
    std::string bytes;
    ByteWriter writer(bytes);
    writer.number(structure.storedOctets);
    writer.number(structure.wireOctets);
    writer.number(static_cast<std::uint64_t>(structure.lineEndings));
    writer.number((structure.hasNul ? 1 : 0) | (structure.has8Bit ? 2 : 0));
    writePart(writer, structure.root);
    return bytes;
}

std::shared_ptr<const Structure> decodeStructure(std::string_view bytes) {
    ByteReader reader(bytes);
    auto structure = std::make_shared<Structure>();
    structure->storedOctets = reader.number();
    structure->wireOctets = reader.number();
    structure->lineEndings = static_cast<LineEndings>(reader.number(2));
    const std::uint64_t octets = reader.number(3);
    structure->hasNul = (octets & 1) != 0;
    structure->has8Bit = (octets & 2) != 0;
    if (!readPart(reader, structure->root, 0) || !reader.isSound() || !reader.isAtEnd()) return nullptr;
    return structure;
}

void encodeFacts(const MessageFacts& facts, std::string& out) {
    ByteWriter writer(out);
    writer.number((facts.file ? hasFile : 0) | (facts.file && facts.file->hasContentHash ? hasHash : 0) |
                  (facts.exactOctets ? hasExactOctets : 0) | (facts.structure ? hasStructure : 0));
    if (facts.file) writeFile(writer, *facts.file);
    if (facts.exactOctets) writer.number(*facts.exactOctets);
    if (facts.structure) writer.string(*facts.structure);
    writer.number(facts.derived.size());
    for (const auto& [name, bytes] : facts.derived) {
        writer.string(name);
        writer.string(*bytes);
    }
}

std::optional<MessageFacts> decodeFacts(std::string_view bytes) {
    ByteReader reader(bytes);
    MessageFacts facts;
    const std::uint64_t present = reader.number(hasFile | hasHash | hasExactOctets | hasStructure);
    if ((present & hasFile) != 0) facts.file = readFile(reader, (present & hasHash) != 0);
    if ((present & hasExactOctets) != 0) facts.exactOctets = reader.number();
    if ((present & hasStructure) != 0) facts.structure = std::make_shared<const std::string>(reader.string());
    facts.derived.resize(reader.count(2));
    for (auto& [name, value] : facts.derived) {
        name = reader.string();
        value = std::make_shared<const std::string>(reader.string());
    }
    if (!reader.isSound() || !reader.isAtEnd()) return std::nullopt;
    return facts;
}

}  // namespace maildir
