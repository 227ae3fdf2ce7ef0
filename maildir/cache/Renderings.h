// Renderings of messages that were read lately, for the whole process: clients fetch large messages in pieces, and each
// piece would cost a rendering. A few of them, within a budget; the least recently used go first. Any thread.
#pragma once

#include <sys/stat.h>

#include <cstdint>
#include <list>
#include <memory>
#include <mutex>
#include <string>

#include "maildir/cache/FactStore.h"
#include "maildir/message/SevenBit.h"

namespace maildir {

class Renderings {
public:
    static constexpr std::size_t maxMessages = 32;

    // directory: where large ones are written, as files without a name; where it can't be written to, or is empty, the
    // system's folder for temporary files. budgetOctets: what all may take there; a larger one is kept alone.
    explicit Renderings(std::string directory, std::uint64_t budgetOctets = std::uint64_t(512) << 20);

    // The rendering of this message made of this very file; null: there is none.
    std::shared_ptr<const RenderedMessage> find(const MessageKey& key, const struct stat& source);
    void put(const MessageKey& key, const struct stat& source, std::shared_ptr<const RenderedMessage> rendering);

    [[nodiscard]] const std::string& directory() const { return _directory; }

private:
    struct Entry {
        MessageKey key;
        struct stat source {};
        std::shared_ptr<const RenderedMessage> rendering;
    };

    const std::string _directory;
    const std::uint64_t _budget;
    std::mutex _mutex;          // guards what follows
    std::list<Entry> _entries;  // newest first
    std::uint64_t _held = 0;
};

}  // namespace maildir
