// What a cache file holds: facts of a message, and the root with the records of a chunk. Whatever can be read is
// written as it was read.
#include <cstdlib>
#include <string>

#include "maildir/cache/FactCodec.h"
#include "maildir/mailbox/StoredMailbox.h"

using namespace maildir;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const std::string_view bytes(reinterpret_cast<const char*>(data), size);
    if (const auto facts = decodeFacts(bytes)) {
        std::string once, twice;
        encodeFacts(*facts, once);
        const auto again = decodeFacts(once);
        if (!again) std::abort();
        encodeFacts(*again, twice);
        if (once != twice) std::abort();
        if (facts->structure) (void)decodeStructure(*facts->structure);
    }
    if (const auto structure = decodeStructure(bytes)) {
        const std::string once = encodeStructure(*structure);
        const auto again = decodeStructure(once);
        if (!again || encodeStructure(*again) != once) std::abort();
    }
    if (const auto stored = decodeStored(bytes)) {
        const std::string once = encodeStored(*stored);
        const auto again = decodeStored(once);
        if (!again || encodeStored(*again) != once) std::abort();
        for (const StoredChunk& each : stored->chunks) {
            const auto uids = decodeUids(each);
            if (!uids) std::abort();
            Chunk chunk;
            (void)decodeRecords(bytes, *uids, chunk);
        }
    }
    Chunk chunk;
    const std::vector<Uid> uids{Uid{1}, Uid{7}};
    if (decodeRecords(bytes, uids, chunk)) {
        Chunk again;
        if (!decodeRecords(encodeRecords(chunk), uids, again) || again.size() != 2) std::abort();
    }
    return 0;
}
