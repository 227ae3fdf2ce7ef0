// Facts of one message as octets, for the cache file. Another encoding is another version of the file (CacheFile.h).
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "maildir/cache/FactStore.h"

namespace maildir {

std::string encodeStructure(const Structure& structure);
// Null for octets that no encodeStructure() made.
std::shared_ptr<const Structure> decodeStructure(std::string_view bytes);

void encodeFacts(const MessageFacts& facts, std::string& out);
// Nothing for octets that no encodeFacts() made. (The structure is not looked into.)
std::optional<MessageFacts> decodeFacts(std::string_view bytes);

}  // namespace maildir
