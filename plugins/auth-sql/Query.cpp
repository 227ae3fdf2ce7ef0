#include "plugins/auth-sql/Query.h"

#include <Poco/Ascii.h>
#include <Poco/String.h>

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

// Where in a query a text stands: among the columns of a SELECT, or elsewhere.
class Clauses {
public:
    void open() { _isAmongColumns.push_back(_isAmongColumns.back()); }
    void close() {
        if (_isAmongColumns.size() > 1) _isAmongColumns.pop_back();
    }
    void take(const std::string& word) {
        if (Poco::icompare(word, "SELECT") == 0) _isAmongColumns.back() = true;
        if (Poco::icompare(word, "FROM") == 0) _isAmongColumns.back() = false;
    }
    [[nodiscard]] bool isAmongColumns() const { return _isAmongColumns.back(); }

private:
    std::vector<bool> _isAmongColumns = {false};  // one for each parenthesis that is open, and one for outside of all
};

bool isWordOctet(char c) {
    return Poco::Ascii::isAlphaNumeric(static_cast<unsigned char>(c)) || c == '_';
}

void addParameter(Query& query, std::string text, Parameters style, const Clauses& clauses) {
    query.parameters.push_back(std::move(text));
    if (style == Parameters::Numbered)
        query.sql += "$" + std::to_string(query.parameters.size());
    else
        query.sql += style == Parameters::Cast && clauses.isAmongColumns() ? "CAST(? AS CHAR(1024))" : "?";
}

// What a literal in single quotes stands for.
std::string contentOf(const std::string& literal) {
    if (literal.find('\\') != std::string::npos) {
        throw QueryError(literal + " has a backslash beside a variable, which databases read in different ways");
    }
    std::string content;
    for (std::size_t at = 1; at + 1 < literal.size(); ++at) {
        content += literal[at];
        if (literal[at] == '\'') ++at;  // doubled
    }
    return content;
}

void addText(Query& query, const std::string& text) {
    for (std::size_t at = 0; at < text.size(); ++at) {
        query.sql += text[at];
        if (text[at] == '%' && at + 1 < text.size() && text[at + 1] == '%') ++at;
    }
}

// Parameters of the admin's own would take the values of ours.
bool isForeignParameter(const std::string& text, std::size_t at, Parameters style) {
    if (style != Parameters::Numbered) return text[at] == '?';
    return text[at] == '$' && at + 1 < text.size() && Poco::Ascii::isDigit(static_cast<unsigned char>(text[at + 1]));
}

}  // namespace

Query Query::parse(const std::string& text, Parameters style) {
    if (const std::string fault = faultOfVariables(text, "und", true); !fault.empty()) throw QueryError("it " + fault);
    Query query;
    Clauses clauses;
    for (std::size_t at = 0; at < text.size();) {
        const char c = text[at];
        if (isWordOctet(c)) {
            std::size_t end = at;
            while (end < text.size() && isWordOctet(text[end])) ++end;
            clauses.take(text.substr(at, end - at));
            query.sql.append(text, at, end - at);
            at = end;
        } else if (c == '\'' || c == '"' || c == '`') {
            const std::size_t end = endOfQuoted(text, at);
            const std::string quoted = text.substr(at, end - at);
            if (!hasVariable(quoted)) {
                addText(query, quoted);
            } else if (c == '\'') {
                addParameter(query, contentOf(quoted), style, clauses);
            } else {
                throw QueryError(quoted + " has a variable, and is a name: a text stands in single quotes");
            }
            at = end;
        } else if (variableAt(text, at) != 0) {
            addParameter(query, text.substr(at, 2), style, clauses);
            at += 2;
        } else if (isForeignParameter(text, at, style)) {
            throw QueryError("it has a parameter of its own; only %u, %n and %d stand for values");
        } else {
            if (c == '(') clauses.open();
            if (c == ')') clauses.close();
            const std::size_t length = c == '%' && at + 1 < text.size() && text[at + 1] == '%' ? 2 : 1;
            query.sql += c;
            at += length;
        }
    }
    if (query.parameters.empty()) throw QueryError("it has none of %u, %n and %d, so it asks for no user");
    return query;
}

std::vector<std::string> Query::valuesFor(const std::string& user) const {
    std::vector<std::string> values;
    for (const std::string& text : parameters) {
        std::string value;
        for (std::size_t at = 0; at < text.size(); ++at) {
            const char variable = variableAt(text, at);
            const bool isDoubled = text[at] == '%' && at + 1 < text.size() && text[at + 1] == '%';
            value += variable != 0 ? common::namePart(variable, user).value_or("") : std::string(1, text[at]);
            if (variable != 0 || isDoubled) ++at;
        }
        values.push_back(std::move(value));
    }
    return values;
}

}  // namespace maildock::sql
