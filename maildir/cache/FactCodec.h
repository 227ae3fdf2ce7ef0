// Facts of one message as octets, for the cache file. Another encoding is another version of the file (CacheFile.h).
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "maildir/cache/FactStore.h"

namespace maildir {

void encodeFacts(const MessageFacts& facts, std::string& out);
// Nothing for octets that no encodeFacts() made.
std::optional<MessageFacts> decodeFacts(std::string_view bytes);

}  // namespace maildir
