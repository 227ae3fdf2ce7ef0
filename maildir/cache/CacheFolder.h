// The folder below state.path that holds the cache files, one for each mailbox and identity that reads it, named by a
// hash of both (FileIdentity::nameFor() the directory); kept within a size. Any thread; files are touched with the
// server's own rights (FileIdentity).
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include "maildir/cache/CacheFile.h"

namespace maildir {

class CacheFolder {
public:
    // maxOctets: of all files together. log: is told once why nothing can be written, and when it goes again.
    // calmSeconds: after a failure, until a success counts as the end of the trouble.
    CacheFolder(std::string path, std::uint64_t maxOctets, std::function<void(const std::string&)> log,
                std::int64_t calmSeconds = 60);

    // The file of a mailbox, which counts as used now; null: there is none that can be used.
    std::shared_ptr<CacheFile> open(const std::string& name) const;
    // A new one in its place, once it is published; present: the one that the caller has open, or null. Throws Error:
    // Busy if another one is in use.
    std::shared_ptr<CacheFile> create(const std::string& name, const CacheFile* present) const;
    // The mailbox is gone: so is what is known of it.
    void remove(const std::string& name) const;
    [[nodiscard]] std::uint64_t maxOctets() const { return _maxOctets; }

    void noteWritten(std::uint64_t octets) { _written += octets; }
    // The log is told of the first of several failures, and of their end.
    void noteFailure(const std::string& why);
    void noteSuccess();
    // Removes the files that were used least recently beyond maxOctets, but for those in use, where much was written
    // since the last call.
    void trim();

private:
    [[nodiscard]] std::string pathOf(const std::string& name) const;

    const std::string _path;
    const std::uint64_t _maxOctets;
    const std::function<void(const std::string&)> _log;
    const std::int64_t _calmSeconds;
    std::atomic<std::uint64_t> _written;
    std::atomic<bool> _isFailing{false};
    std::atomic<std::int64_t> _failedAt{0};  // seconds of a steady clock
};

}  // namespace maildir
