// A query of the admin's, in which %u, %n and %d become parameters: a user's name is handed to the database beside the
// statement and is never part of its text, whatever it holds.
#pragma once

#include <stdexcept>
#include <string>
#include <vector>

namespace maildock::sql {

// How a database writes parameters: ? or $1, $2. MySQL gives a column that is made of a bare ? neither type nor length,
// so there a parameter among the columns is CAST(? AS CHAR(1024)).
enum class Parameters { Question, Numbered, Cast };

// The text says what is wrong with a query, for the admin.
class QueryError : public std::invalid_argument {
public:
    using std::invalid_argument::invalid_argument;
};

// Immutable.
struct Query {
    std::string sql;
    // A text for each parameter, in their order, in which %u, %n, %d and %% are still to be replaced.
    std::vector<std::string> parameters;

    // %% is a percent sign. A literal with variables, as Dovecot's queries have them ('%u', '/srv/mail/%d/%n'), becomes
    // one parameter as a whole, which every database takes. What another server takes for a
    // variable (%Lu) is an error. Throws QueryError.
    [[nodiscard]] static Query parse(const std::string& text, Parameters style);
    // The values of the parameters for a user.
    [[nodiscard]] std::vector<std::string> valuesFor(const std::string& user) const;
};

}  // namespace maildock::sql
