#include "plugins/auth-oauth2/Json.h"

#include <Poco/JSON/Array.h>
#include <Poco/JSON/Parser.h>

#include <cmath>

namespace maildock::oauth2 {

namespace {

constexpr std::size_t maxDepth = 10;

}  // namespace

JsonObject parseObject(const std::string& text, std::size_t maxOctets) {
    if (text.size() > maxOctets) throw JsonError("is larger than " + std::to_string(maxOctets) + " octets");
    try {
        Poco::JSON::Parser parser;
        parser.setDepth(maxDepth);
        const Poco::Dynamic::Var parsed = parser.parse(text);
        if (parsed.type() == typeid(JsonObject)) return parsed.extract<JsonObject>();
    } catch (const std::exception&) {
        // Poco's text may quote what it read.
        throw JsonError("is no JSON");
    }
    throw JsonError("is no JSON object");
}

std::optional<std::string> textMember(const JsonObject& object, const std::string& name) {
    const Poco::Dynamic::Var value = object->get(name);
    return value.isString() ? std::optional(value.extract<std::string>()) : std::nullopt;
}

std::optional<double> numberMember(const JsonObject& object, const std::string& name) {
    const Poco::Dynamic::Var value = object->get(name);
    if (value.isEmpty() || value.isBoolean() || value.isString() || !value.isNumeric()) return std::nullopt;
    const auto number = value.convert<double>();
    return std::isfinite(number) ? std::optional(number) : std::nullopt;
}

std::optional<bool> booleanMember(const JsonObject& object, const std::string& name) {
    const Poco::Dynamic::Var value = object->get(name);
    return value.type() == typeid(bool) ? std::optional(value.extract<bool>()) : std::nullopt;
}

std::optional<std::vector<std::string>> textsMember(const JsonObject& object, const std::string& name) {
    if (auto one = textMember(object, name)) return std::vector<std::string>{std::move(*one)};
    const Poco::JSON::Array::Ptr array = object->getArray(name);
    if (array.isNull()) return std::nullopt;
    std::vector<std::string> texts;
    for (const Poco::Dynamic::Var& one : *array) {
        if (!one.isString()) return std::nullopt;
        texts.push_back(one.extract<std::string>());
    }
    return texts;
}

}  // namespace maildock::oauth2
