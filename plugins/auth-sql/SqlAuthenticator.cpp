#include "plugins/auth-sql/SqlAuthenticator.h"

#include <Poco/String.h>

#include <algorithm>
#include <stdexcept>

namespace maildock::sql {

using common::HashError;
using common::PasswordHash;

namespace {

constexpr char databaseKey[] = "auth.sql.database";
constexpr char connectionKey[] = "auth.sql.connection";
constexpr char passwordQueryKey[] = "auth.sql.passwordQuery";
constexpr char userQueryKey[] = "auth.sql.userQuery";
constexpr char schemeKey[] = "auth.sql.defaultScheme";
constexpr char lowerCaseKey[] = "auth.sql.lowercase";
constexpr char connectionsKey[] = "auth.sql.connections";
constexpr char timeoutKey[] = "auth.sql.timeout";

Target targetOf(const Settings& settings) {
    Target target;
    target.database = databaseOf(settings.text(databaseKey));
    target.connection =
        target.database == Database::Sqlite ? settings.path(connectionKey) : settings.text(connectionKey);
    target.timeoutSeconds = static_cast<int>(settings.seconds(timeoutKey));
    return target;
}

// Null if it is not set. Throws QueryError.
std::shared_ptr<const Query> queryOf(const Settings& settings, const char* key) {
    const std::string text = settings.text(key);
    if (text.empty()) return nullptr;
    return std::make_shared<const Query>(Query::parse(text, parametersOf(databaseOf(settings.text(databaseKey)))));
}

bool hasColumn(const Answer& answer, const std::string& name) {
    return std::find(answer.columns.begin(), answer.columns.end(), name) != answer.columns.end();
}

// Asks for a user that hardly exists: the answer tells whether the database takes the query.
std::optional<Finding> triedOut(Connections& connections, const char* key, const std::shared_ptr<const Query>& query) {
    const Result result = connections.ask(query, "maildock-check@example.invalid");
    switch (result.kind) {
        case Result::Kind::Unreachable:
            // It may be up again when it is needed, and this is asked at each start too.
            return Finding{Finding::Warning, connectionKey, "the database can't be reached: " + result.fault};
        case Result::Kind::Refused:
            return Finding{Finding::Error, key, "the database does not take the query: " + result.fault};
        case Result::Kind::Answered:
            break;
    }
    if (key == passwordQueryKey && !hasColumn(result.answer, "password")) {
        return Finding{Finding::Error, key, "it gives no column named password"};
    }
    return std::nullopt;
}

}  // namespace

std::vector<KeySpec> SqlAuthenticator::keys() const {
    return {
        {databaseKey,
         KeyKind::Choice,
         "sqlite",
         "The kind of database.",
         {"sqlite", "postgresql", "mysql", "odbc"},
         {},
         {}},
        {connectionKey,
         KeyKind::Text,
         "",
         "The file of an SQLite database, or where and how to connect, as the kind of database writes it.",
         {},
         {},
         {}},
        {passwordQueryKey,
         KeyKind::Text,
         "",
         "The query for a user's password (column password) and what else there is; %u, %n, %d are parameters.",
         {},
         {},
         {}},
        {userQueryKey,
         KeyKind::Text,
         "",
         "A second query for home, mail and the like, asked once the password is right.",
         {},
         {},
         {}},
        {schemeKey, KeyKind::Text, "CRYPT", "The scheme of passwords without {SCHEME}.", {}, {}, {}},
        {lowerCaseKey, KeyKind::Boolean, "true", "Whether names are turned into lower case.", {}, {}, {}},
        {connectionsKey, KeyKind::Number, "4", "How many connections there are at most.", {}, 1, 64},
        {timeoutKey, KeyKind::Seconds, "10", "How long a log-in waits for the database at most.", {}, 1, 300},
    };
}

void SqlAuthenticator::configure(const Settings& settings) {
    const Target target = targetOf(settings);
    if (target.connection.empty()) throw std::runtime_error(std::string(connectionKey) + " is not set");
    _passwordQuery = queryOf(settings, passwordQueryKey);
    _userQuery = queryOf(settings, userQueryKey);
    if (!_passwordQuery) throw std::runtime_error(std::string(passwordQueryKey) + " is not set");
    _defaultScheme = settings.text(schemeKey);
    _isLowerCased = settings.boolean(lowerCaseKey);
    _connections = std::make_unique<Connections>(target, static_cast<std::size_t>(settings.number(connectionsKey)));
}

std::vector<Finding> SqlAuthenticator::check(const Settings& settings) const {
    std::vector<Finding> findings;
    const auto complain = [&findings](const char* key, const std::string& text) {
        findings.push_back({Finding::Error, key, text});
    };
    const Target target = targetOf(settings);
    if (target.connection.empty()) {
        complain(connectionKey, "is not set, and the plugin auth-sql needs it");
    } else if (const std::string fault = target.fault(); !fault.empty()) {
        complain(connectionKey, fault);
    }
    if (!PasswordHash::isScheme(settings.text(schemeKey))) {
        complain(schemeKey, "there is no password scheme " + settings.text(schemeKey));
    }
    std::vector<std::pair<const char*, std::shared_ptr<const Query>>> queries;
    for (const char* key : {passwordQueryKey, userQueryKey}) {
        try {
            if (auto query = queryOf(settings, key)) {
                queries.emplace_back(key, std::move(query));
            } else if (key == passwordQueryKey) {
                complain(key, "is not set, and the plugin auth-sql needs it");
            }
        } catch (const QueryError& e) {
            complain(key, e.what());
        }
    }
    if (!findings.empty()) return findings;
    Connections connections(target, 1);
    for (const auto& [key, query] : queries) {
        const auto finding = triedOut(connections, key, query);
        if (!finding) continue;
        findings.push_back(*finding);
        if (finding->severity == Finding::Warning) break;
    }
    return findings;
}

SqlAuthenticator::User SqlAuthenticator::rowOf(const std::shared_ptr<const Query>& query, const std::string& name,
                                               Row& row) {
    User user;
    Result result = _connections->ask(query, name);
    if (result.kind != Result::Kind::Answered) {
        user.outcome = Outcome::TemporaryFailure;
        user.reason = (result.kind == Result::Kind::Unreachable ? "the database can't be asked: "
                                                                : "the database does not take the query: ") +
                      result.fault;
    } else if (result.answer.rows.empty()) {
        user.reason = "no such user in the database";
    } else if (result.answer.rows.size() > 1) {
        user.outcome = Outcome::TemporaryFailure;
        user.reason = "the query gives more than one row";
    } else {
        user.outcome = Outcome::Success;
        row = std::move(result.answer.rows.front());
    }
    return user;
}

SqlAuthenticator::User SqlAuthenticator::find(const std::string& typedName) {
    const std::string name = _isLowerCased ? Poco::toLower(typedName) : typedName;
    // Some databases take no notice of blanks at the end.
    if (!common::isUsableUtf8Name(name) || Poco::trim(name) != name) {
        User user;
        user.reason = "no name that a user can have";
        return user;
    }
    Row row;
    User user = rowOf(_passwordQuery, name, row);
    if (user.outcome != Outcome::Success) return user;
    user.fields.account.user = name;
    user.noPassword = "no password is set";
    bool hasPasswordColumn = false;
    for (const auto& [column, value] : row) {
        if (column == "password") {
            hasPasswordColumn = true;
            if (!value || value->empty()) continue;
            try {
                user.password = PasswordHash::parse(*value, _defaultScheme);
            } catch (const HashError& e) {
                user.noPassword = e.what();
            }
        } else if (!value) {
            continue;
        } else if (column == "user") {
            if (!value->empty()) user.fields.account.user = *value;
        } else if (column != "nologin" || common::meansYes(*value)) {
            user.fields.set(column, *value);
        }
    }
    if (!hasPasswordColumn) {
        user.outcome = Outcome::TemporaryFailure;
        user.reason = "the query gives no column named password";
    }
    return user;
}

bool SqlAuthenticator::complete(User& user) {
    if (_userQuery) {
        Row row;
        const User found = rowOf(_userQuery, user.fields.account.user, row);
        if (found.outcome != Outcome::Success) {
            // Known by the one query and not by the other: the admin's mistake, and nobody's wrong password.
            user.outcome = Outcome::TemporaryFailure;
            user.reason = "userQuery: " + found.reason;
            return false;
        }
        for (const auto& [column, value] : row) {
            if (!value || column == "password") continue;
            if (column == "user") {
                if (!value->empty()) user.fields.account.user = *value;
            } else if (column != "nologin" || common::meansYes(*value)) {
                user.fields.set(column, *value);
            }
        }
    }
    user.reason = user.fields.finish();
    if (user.reason.empty() && !common::isUsableName(user.fields.account.user)) {
        user.reason = "the column user has a name that can't be used";
    }
    if (user.reason.empty()) return true;
    user.outcome = Outcome::TemporaryFailure;
    return false;
}

Verdict SqlAuthenticator::verdictOf(User& user) {
    if (!complete(user)) return {user.outcome, {}, user.reason};
    if (user.fields.isDisabled) return {Outcome::Disabled, {}, "nologin is set"};
    return {Outcome::Success, user.fields.account, {}};
}

Verdict SqlAuthenticator::verify(const std::string& user, const std::string& password) {
    User found = find(user);
    if (found.outcome == Outcome::TemporaryFailure) return {found.outcome, {}, found.reason};
    if (!found.password) {
        _decoy.compare(password);
        if (found.outcome != Outcome::Success) return {found.outcome, {}, found.reason};
        return {Outcome::Disabled, {}, found.noPassword};
    }
    _decoy.note(found.password);
    if (!common::isRightPassword(*found.password, password)) return {Outcome::WrongPassword, {}, "wrong password"};
    return verdictOf(found);
}

Verdict SqlAuthenticator::lookup(const std::string& user) {
    User found = find(user);
    if (found.outcome != Outcome::Success) return {found.outcome, {}, found.reason};
    return verdictOf(found);
}

std::optional<ScramKeys> SqlAuthenticator::scramKeys(const std::string& user, const std::string& hash) {
    const User found = find(user);
    if (found.outcome != Outcome::Success || found.fields.isDisabled || !found.password) return std::nullopt;
    const ScramKeys* keys = found.password->scramKeys(hash);
    return keys == nullptr ? std::nullopt : std::optional<ScramKeys>(*keys);
}

}  // namespace maildock::sql
