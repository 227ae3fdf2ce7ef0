// An open message file, read as it is sent (every line ended by CRLF) or as it is stored. Not shared between threads.
// The file may be truncated by another program at any time: reading past its end throws Error(Expunged), never crashes
// (pread, not mmap).
#pragma once

#include <sys/stat.h>

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "maildir/FileOps.h"
#include "maildir/message/Structure.h"

namespace maildir {

class MessageFile {
public:
    MessageFile(FileDescriptor file, std::string path);
    MessageFile(FileDescriptor file, std::string path, const struct stat& status);  // status: what fstat gave

    [[nodiscard]] int descriptor() const;  // -1 once it is closed
    [[nodiscard]] const std::string& path() const;
    [[nodiscard]] std::uint64_t storedOctets() const;     // from fstat at construction
    [[nodiscard]] std::int64_t modificationTime() const;  // seconds since the epoch: INTERNALDATE of a Maildir message

    // Reads exactly `into.size()` stored octets at `offset`. Throws Expunged if the file is shorter, Io.
    void readStored(std::uint64_t offset, std::span<char> into) const;

    // Reads as many stored octets as there is memory, from where they are given from now on; it lives as long as the
    // file, and nothing else may be in it. Throws as readStored().
    void hold(std::uint64_t offset, std::span<char> memory);
    // Closes the file if all of it is held.
    void closeIfHeld();
    // These stored octets in that memory; nothing if some are not held.
    [[nodiscard]] std::optional<std::string_view> held(std::uint64_t offset, std::size_t octets) const;

    // Parses the whole file in blocks.
    [[nodiscard]] Structure structure(StructureLimits limits = {}) const;

private:
    void take(const struct stat& status);

    FileDescriptor _file;
    std::string _path;
    std::uint64_t _storedOctets = 0;
    std::int64_t _modificationTime = 0;
    std::span<char> _held;
    std::uint64_t _heldOffset = 0;
};

// Reads an extent of a message as sent, in pieces: a producer for a literal. Skips to a wire offset without sending.
class WireReader {
public:
    // lineEndings: of the whole message. firstWireOctet: where to start inside the extent (a partial fetch); at or past
    // the end nothing is left. maxWireOctets: how many to give at most.
    WireReader(const MessageFile& file, Extent extent, LineEndings lineEndings, std::uint64_t firstWireOctet = 0,
               std::uint64_t maxWireOctets = UINT64_MAX);

    [[nodiscard]] std::uint64_t remaining() const;  // wire octets still to come: exact
    // Appends up to maxOctets wire octets to `out`; returns how many (0: at the end).
    // Throws Expunged if the file has become shorter or its line ends are not those of the structure any more, Io.
    std::size_t read(std::string& out, std::size_t maxOctets);

private:
    const MessageFile* _file;
    Extent _extent;
    LineEndings _lineEndings;
    std::uint64_t _storedPosition = 0;  // inside the extent
    std::uint64_t _remaining = 0;
    bool _lastWasCr = false;  // the octet before _storedPosition was a CR
    bool _owesLf = false;     // a CR was given for a bare LF, its LF is still to be given

    void skip(std::uint64_t wireOctets);
    void convert(std::string_view stored, std::string& out, std::size_t maxOctets);
};

// The whole extent as sent, for small things such as headers.
std::string readWire(const MessageFile& file, Extent extent, LineEndings lineEndings);

// Bare LF -> CRLF.
std::string toWire(std::string_view stored);

}  // namespace maildir
