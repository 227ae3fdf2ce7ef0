#include <algorithm>
#include <cstring>

#include "maildir/message/Ascii.h"
#include "maildir/message/ContentFields.h"
#include "maildir/message/OctetTally.h"
#include "maildir/message/Structure.h"

// How it works. The parts that are open form a stack of frames, the message first. Octets are looked at line by line,
// but only at the start of a line is something decided: in a header what field it is, or that the header ends; in any
// line that starts with "--", whether it is the boundary of an open multipart. All else of a body is only counted. A
// line that comes in several pieces is gathered as far as a decision needs it (lineStartOctets), no further.
//
// Where RFC 2046 leaves room the outcome is Dovecot's: a line that only begins with a boundary is one (the longest
// that fits, of equal ones the innermost); a header may be cut off by a boundary, and the line end before that
// boundary is not its own; past the bounds on parts all is text of the last part; a multipart past the bound on depth
// is application/octet-stream.

namespace maildir {

namespace {

constexpr std::size_t maxBoundaryOctets = 1000;  // RFC 2046 5.1.1 says 70; a longer one counts as far as this
constexpr std::size_t lineStartOctets = maxBoundaryOctets + 8;

// A place in the message, with the line ends before it.
struct Mark {
    std::uint64_t stored = 0;
    std::uint64_t lines = 0;
    std::uint64_t bareLines = 0;
};

Extent extentBetween(const Mark& from, const Mark& to) {
    const std::uint64_t stored = to.stored - from.stored;
    return Extent{from.stored, stored, stored + (to.bareLines - from.bareLines)};
}

const Mark& later(const Mark& a, const Mark& b) {
    return a.stored < b.stored ? b : a;
}

// A part that is not at its end yet.
struct Frame {
    Part part;
    ContentFields fields;
    Mark start;      // of its header
    Mark bodyStart;  // once the header is over
    Mark childEnd;   // where its last child ended
    std::string boundary;
    bool awaitsBoundary = false;  // a multipart whose closing boundary has not come
    bool isDigest = false;
    bool isInDigest = false;
};

}  // namespace

struct StructureParser::State {
    explicit State(StructureLimits given) : limits(given) {
        limits.parts = std::max<std::uint32_t>(limits.parts, 1);
        budget.octets = limits.headerOctets;
        open(Mark(), true, false);
    }

    // Octets come in
    void feed(std::string_view bytes);
    Structure finish();

private:
    enum class Where : std::uint8_t {
        LineStart,     // nothing, or too little, of this line was seen to decide about it
        HeaderLine,    // inside a line of a header
        BodyLine,      // inside a line of a body
        BoundaryLine,  // after the boundary, in its line
    };

    std::string_view feedLineStart(std::string_view bytes);
    std::string_view feedLine(std::string_view bytes);
    std::string_view feedBody(std::string_view bytes);
    void consume(std::string_view bytes);
    void endLine(std::string_view consumed);

    // Lines
    void decide(std::string_view line, bool isWhole);
    void decideHeaderLine(std::string_view line, bool isWhole);
    void startField(std::string_view line);
    void addToField(std::string_view bytes);
    void endField();
    bool takeBoundary(std::string_view line, bool isWhole);
    [[nodiscard]] bool looksForBoundaries() const { return boundaries > 0 && parts < limits.parts; }

    // Parts
    void open(const Mark& start, bool isMessage, bool isInDigest);
    void endHeader(const Mark& end);
    void closeTo(std::size_t frameCount, const Mark& end);
    void closeTop(const Mark& end);
    [[nodiscard]] Mark beforeLineEnd() const;

    StructureLimits limits;
    FieldBudget budget;
    std::vector<Frame> frames;
    std::uint32_t parts = 0;
    std::size_t boundaries = 0;  // frames that await one
    Part root;

    OctetTally tally;
    Mark position;             // all before it was consumed
    Mark lineStart;            // where this line starts
    unsigned lastLineEnd = 0;  // octets of the line end before lineStart
    char lastOctet = 0;
    std::string gathered;  // the line's start, when it came in pieces
    Where where = Where::LineStart;
    bool inHeader = true;
    bool opensPart = false;  // the boundary line at hand starts a part

    KnownField field = KnownField::Other;
    std::string fieldValue;
};

void StructureParser::State::feed(std::string_view bytes) {
    while (!bytes.empty()) {
        if (!inHeader && where != Where::BoundaryLine && !looksForBoundaries()) {
            consume(bytes);  // nothing can end this body any more
            return;
        }
        switch (where) {
            case Where::LineStart:
                bytes = feedLineStart(bytes);
                break;
            case Where::BodyLine:
                bytes = feedBody(bytes);
                break;
            case Where::HeaderLine:
            case Where::BoundaryLine:
                bytes = feedLine(bytes);
                break;
        }
    }
}

std::string_view StructureParser::State::feedLineStart(std::string_view bytes) {
    if (!inHeader && gathered.empty() && bytes.front() != '-') {
        where = Where::BodyLine;
        return bytes;
    }
    const std::size_t wanted = std::min(bytes.size(), lineStartOctets - gathered.size());
    const void* lineEnd = std::memchr(bytes.data(), '\n', wanted);
    const bool isWhole = lineEnd != nullptr;
    const std::size_t size =
        isWhole ? static_cast<std::size_t>(static_cast<const char*>(lineEnd) - bytes.data()) + 1 : wanted;
    const std::string_view piece = bytes.substr(0, size);
    consume(piece);
    bytes.remove_prefix(size);
    if (gathered.empty() && isWhole) {
        decide(piece, true);
        endLine(piece);
        return bytes;
    }
    gathered += piece;
    const bool isPlainBody = !inHeader && gathered.size() > 1 && gathered[1] != '-';
    if (isWhole || isPlainBody || gathered.size() >= lineStartOctets) {
        const std::string line = std::move(gathered);
        gathered.clear();
        decide(line, isWhole);
        if (isWhole) endLine(line);
    }
    return bytes;
}

// The rest of a line that was decided about.
std::string_view StructureParser::State::feedLine(std::string_view bytes) {
    const void* lineEnd = std::memchr(bytes.data(), '\n', bytes.size());
    const std::size_t size = lineEnd != nullptr
                                 ? static_cast<std::size_t>(static_cast<const char*>(lineEnd) - bytes.data()) + 1
                                 : bytes.size();
    const std::string_view piece = bytes.substr(0, size);
    const char before = lastOctet;
    consume(piece);
    if (where == Where::HeaderLine) addToField(piece);
    if (lineEnd != nullptr) {
        const char lineEndOctets[2] = {before, '\n'};
        endLine(piece.size() > 1 ? piece : std::string_view(lineEndOctets, 2));
    }
    return bytes.substr(size);
}

// Runs through the lines of a body up to the next that starts with '-'.
std::string_view StructureParser::State::feedBody(std::string_view bytes) {
    const char* const end = bytes.data() + bytes.size();
    const char* at = bytes.data();
    while (true) {
        at = static_cast<const char*>(std::memchr(at, '\n', static_cast<std::size_t>(end - at)));
        if (at == nullptr) {
            consume(bytes);
            return {};
        }
        ++at;
        if (at == end || *at == '-') break;
    }
    const std::string_view piece(bytes.data(), static_cast<std::size_t>(at - bytes.data()));
    const char before = lastOctet;
    consume(piece);
    const char lineEndOctets[2] = {before, '\n'};
    endLine(piece.size() > 1 ? piece : std::string_view(lineEndOctets, 2));
    return bytes.substr(piece.size());
}

void StructureParser::State::consume(std::string_view bytes) {
    tally.add(bytes, lastOctet);
    lastOctet = bytes.back();
    position.stored += bytes.size();
    position.lines = tally.lines;
    position.bareLines = tally.bareLines;
}

// consumed: ends in this line's LF, and has the octet before it if there is one in the line.
void StructureParser::State::endLine(std::string_view consumed) {
    lastLineEnd = consumed.size() > 1 && consumed[consumed.size() - 2] == '\r' ? 2 : 1;
    lineStart = position;
    where = Where::LineStart;
    if (opensPart) {
        opensPart = false;
        open(position, false, frames.back().isDigest);
    }
}

void StructureParser::State::decide(std::string_view line, bool isWhole) {
    if (line.starts_with("--") && looksForBoundaries() && takeBoundary(line, isWhole)) return;
    if (inHeader) {
        decideHeaderLine(line, isWhole);
    } else {
        where = Where::BodyLine;
    }
}

void StructureParser::State::decideHeaderLine(std::string_view line, bool isWhole) {
    if (isWhole && (line == "\n" || line == "\r\n")) {
        endHeader(position);
        return;
    }
    where = Where::HeaderLine;
    if (!ascii::isBlank(line.front())) {
        endField();
        startField(line);
    } else {
        addToField(line);
    }
}

void StructureParser::State::startField(std::string_view line) {
    if (lineStart.stored - frames.back().start.stored >= limits.headerOctets) return;
    const std::size_t colon = line.find(':');
    if (colon == std::string_view::npos) return;
    field = knownField(ascii::trim(line.substr(0, colon)));
    addToField(line.substr(colon + 1));
}

void StructureParser::State::addToField(std::string_view bytes) {
    if (field == KnownField::Other || fieldValue.size() >= budget.octets) return;
    fieldValue += bytes.substr(0, std::min<std::uint64_t>(bytes.size(), budget.octets - fieldValue.size()));
}

void StructureParser::State::endField() {
    if (field != KnownField::Other) frames.back().fields.take(field, fieldValue, frames.back().part, budget);
    field = KnownField::Other;
    fieldValue.clear();
}

// If the line is a boundary of an open multipart, ends the parts that it ends.
bool StructureParser::State::takeBoundary(std::string_view line, bool isWhole) {
    line.remove_prefix(2);
    if (line.ends_with('\n')) line.remove_suffix(1);
    if (line.ends_with('\r')) line.remove_suffix(1);
    std::size_t owner = frames.size();
    for (std::size_t i = frames.size(); i-- > 0;) {
        const std::string& boundary = frames[i].boundary;
        if (!frames[i].awaitsBoundary || !line.starts_with(boundary)) continue;
        if (owner == frames.size() || boundary.size() > frames[owner].boundary.size()) owner = i;
        if (boundary.size() == line.size() || (boundary.size() + 2 == line.size() && line.ends_with("--"))) {
            owner = i;
            break;
        }
    }
    if (owner == frames.size()) return false;
    const bool isLast = line.substr(frames[owner].boundary.size()).starts_with("--");
    closeTo(owner + 1, beforeLineEnd());
    if (isLast) {
        frames[owner].awaitsBoundary = false;
        --boundaries;
    }
    opensPart = !isLast;
    if (!isWhole) where = Where::BoundaryLine;
    return true;
}

void StructureParser::State::open(const Mark& start, bool isMessage, bool isInDigest) {
    Frame frame;
    frame.start = start;
    frame.childEnd = start;
    frame.isInDigest = isInDigest;
    if (isMessage) frame.part.envelope = std::make_unique<EnvelopeFields>();
    frames.push_back(std::move(frame));
    ++parts;
    inHeader = true;
}

void StructureParser::State::endHeader(const Mark& end) {
    endField();
    inHeader = false;
    Frame& frame = frames.back();
    Part& part = frame.part;
    part.header = extentBetween(frame.start, end);
    frame.bodyStart = end;
    frame.fields.finish(part, frame.isInDigest);
    const bool isMessage =
        ascii::equalIgnoringCase(part.type, "message") &&
        (ascii::equalIgnoringCase(part.subtype, "rfc822") || ascii::equalIgnoringCase(part.subtype, "global"));
    const bool isTooDeep = frames.size() >= limits.depth;
    if ((part.isMultipart() || isMessage) && isTooDeep) {
        part.type = "application";
        part.subtype = "octet-stream";
    } else if (part.isMultipart()) {
        frame.awaitsBoundary = boundaryOf(part.parameters, frame.boundary);
        if (frame.boundary.size() > maxBoundaryOctets) frame.boundary.resize(maxBoundaryOctets);
        frame.isDigest = ascii::equalIgnoringCase(part.subtype, "digest");
        if (frame.awaitsBoundary) ++boundaries;
    } else if (isMessage && parts < limits.parts) {
        open(end, true, false);
    }
}

void StructureParser::State::closeTo(std::size_t frameCount, const Mark& end) {
    while (frames.size() > frameCount) {
        if (inHeader) {
            endHeader(later(frames.back().start, end));
        } else {
            closeTop(end);
        }
    }
}

void StructureParser::State::closeTop(const Mark& end) {
    Frame frame = std::move(frames.back());
    frames.pop_back();
    const Mark bodyEnd = later(later(end, frame.bodyStart), frame.childEnd);
    frame.part.body = extentBetween(frame.bodyStart, bodyEnd);
    frame.part.bodyLines =
        static_cast<std::uint32_t>(std::min<std::uint64_t>(bodyEnd.lines - frame.bodyStart.lines, UINT32_MAX));
    if (frame.awaitsBoundary) --boundaries;
    if (frames.empty()) {
        root = std::move(frame.part);
    } else {
        frames.back().childEnd = bodyEnd;
        frames.back().part.children.push_back(std::move(frame.part));
    }
}

// RFC 2046 5.1.1: the line end before a boundary belongs to the boundary.
Mark StructureParser::State::beforeLineEnd() const {
    Mark mark = lineStart;
    mark.stored -= lastLineEnd;
    if (lastLineEnd > 0) --mark.lines;
    if (lastLineEnd == 1) --mark.bareLines;
    return mark;
}

Structure StructureParser::State::finish() {
    if (where == Where::LineStart && !gathered.empty()) {
        const std::string line = std::move(gathered);
        decide(line, false);
    }
    closeTo(0, position);
    Structure structure;
    structure.storedOctets = position.stored;
    structure.wireOctets = position.stored + position.bareLines;
    structure.hasNul = tally.hasNul;
    structure.has8Bit = tally.has8Bit;
    if (position.bareLines > 0) {
        structure.lineEndings = position.bareLines == position.lines ? LineEndings::AllLf : LineEndings::Mixed;
    }
    structure.root = std::move(root);
    return structure;
}

StructureParser::StructureParser(StructureLimits limits) : _state(std::make_unique<State>(limits)) {}
StructureParser::~StructureParser() = default;

void StructureParser::feed(std::string_view bytes) {
    if (!bytes.empty()) _state->feed(bytes);
}

Structure StructureParser::finish() {
    return _state->finish();
}

}  // namespace maildir
