#include "plugins/auth-sql/Query.h"

#include <Poco/Ascii.h>

#include "plugins/common/AccountFields.h"

namespace maildock::sql {

namespace {

// The variable that begins at `at`; 0: none.
char variableAt(const std::string& text, std::size_t at) {
    if (at + 1 >= text.size() || text[at] != '%') return 0;
    const char name = text[at + 1];
    return common::namePart(name, "").has_value() ? name : '\0';
}

bool hasVariable(const std::string& text) {
    for (std::size_t at = text.find('%'); at != std::string::npos; at = text.find('%', at)) {
        if (variableAt(text, at) != 0) return true;
        at += at + 1 < text.size() && text[at + 1] == '%' ? 2 : 1;
    }
    return false;
}

// Where the literal or name that begins at `begin` with its quote ends, past the closing quote. A doubled quote is part
// of it.
std::size_t endOfQuoted(const std::string& text, std::size_t begin) {
    const char quote = text[begin];
    for (std::size_t at = begin + 1; at < text.size(); ++at) {
        if (text[at] != quote) continue;
        if (at + 1 == text.size() || text[at + 1] != quote) return at + 1;
        ++at;
    }
    throw QueryError(std::string("a quote ") + quote + " is not closed");
}

void addParameter(Query& query, char variable, Parameters style) {
    query.variables.push_back(variable);
    query.sql += style == Parameters::Question ? "?" : "$" + std::to_string(query.variables.size());
}

void addText(Query& query, const std::string& text) {
    for (std::size_t at = 0; at < text.size(); ++at) {
        query.sql += text[at];
        if (text[at] == '%' && at + 1 < text.size() && text[at + 1] == '%') ++at;
    }
}

// Parameters of the admin's own would take the values of ours.
bool isForeignParameter(const std::string& text, std::size_t at, Parameters style) {
    if (style == Parameters::Question) return text[at] == '?';
    return text[at] == '$' && at + 1 < text.size() && Poco::Ascii::isDigit(static_cast<unsigned char>(text[at + 1]));
}

}  // namespace

Query Query::parse(const std::string& text, Parameters style) {
    Query query;
    for (std::size_t at = 0; at < text.size();) {
        const char c = text[at];
        if (c == '\'' || c == '"' || c == '`') {
            const std::size_t end = endOfQuoted(text, at);
            const std::string quoted = text.substr(at, end - at);
            const char variable = variableAt(quoted, 1);
            if (c == '\'' && quoted.size() == 4 && variable != 0) {
                addParameter(query, variable, style);
            } else if (hasVariable(quoted)) {
                throw QueryError(quoted + " has a variable among other text; write for example %n || '@' || %d");
            } else {
                addText(query, quoted);
            }
            at = end;
        } else if (const char variable = variableAt(text, at); variable != 0) {
            addParameter(query, variable, style);
            at += 2;
        } else if (isForeignParameter(text, at, style)) {
            throw QueryError("it has a parameter of its own; only %u, %n and %d stand for values");
        } else {
            const std::size_t length = c == '%' && at + 1 < text.size() && text[at + 1] == '%' ? 2 : 1;
            query.sql += c;
            at += length;
        }
    }
    if (query.variables.empty()) throw QueryError("it has none of %u, %n and %d, so it asks for no user");
    return query;
}

std::vector<std::string> Query::valuesFor(const std::string& user) const {
    std::vector<std::string> values;
    for (const char variable : variables) values.push_back(common::namePart(variable, user).value_or(""));
    return values;
}

}  // namespace maildock::sql
