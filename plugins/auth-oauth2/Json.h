// JSON objects from elsewhere, bounded in size and depth, by Poco's parser.
#pragma once

#include <Poco/JSON/Object.h>

#include <cstddef>
#include <optional>
#include <stdexcept>
#include <string>
#include <vector>

namespace maildock::oauth2 {

// The text is for the log and holds nothing of what was parsed.
class JsonError : public std::runtime_error {
public:
    using std::runtime_error::runtime_error;
};

// Not shared: Poco's pointers are counted, its objects are not made for threads.
using JsonObject = Poco::JSON::Object::Ptr;

// Of two members with one name the last counts (RFC 7519 4). Throws JsonError.
[[nodiscard]] JsonObject parseObject(const std::string& text, std::size_t maxOctets);

// A member, if it is there and of this kind.
[[nodiscard]] std::optional<std::string> textMember(const JsonObject& object, const std::string& name);
[[nodiscard]] std::optional<double> numberMember(const JsonObject& object, const std::string& name);
[[nodiscard]] std::optional<bool> booleanMember(const JsonObject& object, const std::string& name);
// One string, or an array of nothing but strings.
[[nodiscard]] std::optional<std::vector<std::string>> textsMember(const JsonObject& object, const std::string& name);

}  // namespace maildock::oauth2
