// A query of the admin's, in which %u, %n and %d become parameters: a user's name is handed to the database beside the
// statement and is never part of its text, whatever it holds.
#pragma once

#include <stdexcept>
#include <string>
#include <vector>

namespace maildock::sql {

// How a database writes parameters: ? or $1, $2.
enum class Parameters { Question, Numbered };

// The text says what is wrong with a query, for the admin.
class QueryError : public std::invalid_argument {
public:
    using std::invalid_argument::invalid_argument;
};

// Immutable.
struct Query {
    std::string sql;
    std::vector<char> variables;  // 'u', 'n' or 'd', in the order of the parameters

    // %% is a percent sign. Quotes around a variable alone, as Dovecot's queries have them ('%u'), are dropped; a
    // variable inside a longer literal is an error. Throws QueryError.
    [[nodiscard]] static Query parse(const std::string& text, Parameters style);
    // The values of the parameters for a user.
    [[nodiscard]] std::vector<std::string> valuesFor(const std::string& user) const;
};

}  // namespace maildock::sql
