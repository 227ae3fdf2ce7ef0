#include "plugins/auth-sql/Connection.h"

#include <Poco/Data/LOB.h>
#include <Poco/Data/MySQL/Connector.h>
#include <Poco/Data/ODBC/Connector.h>
#include <Poco/Data/PostgreSQL/Connector.h>
#include <Poco/Data/PostgreSQL/SessionImpl.h>
#include <Poco/Data/RecordSet.h>
#include <Poco/Data/SQLite/Connector.h>
#include <Poco/Data/Statement.h>
#include <Poco/String.h>
#include <libpq-fe.h>
#include <sys/stat.h>

#include <algorithm>
#include <cerrno>
#include <memory>
#include <mutex>
#include <system_error>

#include "plugins/common/AccountFields.h"

namespace maildock::sql {

namespace {

constexpr std::size_t maxValueOctets = 64 * 1024;
constexpr std::size_t maxMessageOctets = 300;

void registerConnectors() {
    static std::once_flag once;
    std::call_once(once, [] {
        Poco::Data::SQLite::Connector::registerConnector();
        Poco::Data::PostgreSQL::Connector::registerConnector();
        Poco::Data::MySQL::Connector::registerConnector();
        Poco::Data::ODBC::Connector::registerConnector();
    });
}

std::string connectorOf(Database database) {
    switch (database) {
        case Database::Sqlite:
            return Poco::Data::SQLite::Connector::KEY;
        case Database::PostgreSql:
            return Poco::Data::PostgreSQL::Connector::KEY;
        case Database::MySql:
            return Poco::Data::MySQL::Connector::KEY;
        case Database::Odbc:
            break;
    }
    return Poco::Data::ODBC::Connector::KEY;
}

// What the connector is given: the admin's text and what it leaves open.
std::string connectionTextOf(const Target& target) {
    const auto lacks = [&target](const std::string& key) {
        return Poco::toLower(target.connection).find(key + "=") == std::string::npos;
    };
    std::string text = target.connection;
    if (target.database == Database::PostgreSql) {
        if (lacks("connect_timeout")) text += " connect_timeout=" + std::to_string(target.timeoutSeconds);
        if (lacks("tcp_user_timeout")) text += " tcp_user_timeout=" + std::to_string(target.timeoutSeconds * 1000);
        if (lacks("application_name")) text += " application_name=maildock";
    }
    // Its "utf8" has no characters past U+FFFF.
    if (target.database == Database::MySql && lacks("character-set")) text += ";character-set=utf8mb4";
    return text;
}

std::optional<std::string> textOf(const Poco::Dynamic::Var& value) {
    if (value.isEmpty()) return std::nullopt;
    std::string text;
    if (value.type() == typeid(Poco::Data::BLOB)) {
        const Poco::Data::BLOB& octets = value.extract<Poco::Data::BLOB>();
        text.assign(octets.begin(), octets.end());
    } else if (value.type() == typeid(Poco::Data::CLOB)) {
        const Poco::Data::CLOB& characters = value.extract<Poco::Data::CLOB>();
        text.assign(characters.begin(), characters.end());
    } else {
        text = value.convert<std::string>();
    }
    if (text.size() > maxValueOctets) throw std::runtime_error("a value is longer than 64 KiB");
    return text;
}

std::string faultOfPostgreSql(const std::string& connection) {
    // Poco takes the text apart at blanks, and knows neither quotes nor the form postgresql://.
    for (const std::string& part : common::split(connection, ' ', 1000)) {
        if (part.find('=') == std::string::npos || part.find('\'') != std::string::npos) {
            return "must be KEY=VALUE KEY=VALUE, one blank between, no blanks or quotes in values";
        }
    }
    char* message = nullptr;
    PQconninfoOption* options = PQconninfoParse(connection.c_str(), &message);
    const std::string fault = options != nullptr   ? ""
                              : message == nullptr ? "can't be read"
                                                   : Poco::trim(std::string(message));
    PQconninfoFree(options);
    PQfreemem(message);
    return fault;
}

}  // namespace

Database databaseOf(const std::string& name) {
    if (name == "postgresql") return Database::PostgreSql;
    if (name == "mysql") return Database::MySql;
    if (name == "odbc") return Database::Odbc;
    return Database::Sqlite;
}

Parameters parametersOf(Database database) {
    if (database == Database::PostgreSql) return Parameters::Numbered;
    return database == Database::MySql ? Parameters::Cast : Parameters::Question;
}

std::string Target::fault() const {
    switch (database) {
        case Database::Sqlite: {
            // Opening it would make an empty one.
            struct stat status {};
            if (::stat(connection.c_str(), &status) != 0) {
                return connection + " can't be opened: " + std::generic_category().message(errno);
            }
            return S_ISREG(status.st_mode) ? "" : connection + " is not a file";
        }
        case Database::PostgreSql:
            return tidied(faultOfPostgreSql(connection));
        case Database::MySql:
            for (const std::string& part : common::split(connection, ';', 1000)) {
                if (!part.empty() && part.find('=') == std::string::npos) return "must be KEY=VALUE;KEY=VALUE";
            }
            return Poco::toLower(connection).find("user=") == std::string::npos ? "must name a user: user=NAME" : "";
        case Database::Odbc:
            break;
    }
    return "";
}

std::string Target::tidied(const std::string& message) const {
    std::string text = message;
    for (const std::string key : {"password=", "pwd="}) {
        const std::size_t begin = Poco::toLower(connection).find(key);
        if (begin == std::string::npos) continue;
        const std::size_t value = begin + key.size();
        const std::size_t end = connection.find_first_of(database == Database::PostgreSql ? " " : ";", value);
        const std::string secret = connection.substr(value, end == std::string::npos ? end : end - value);
        if (!secret.empty()) Poco::replaceInPlace(text, secret, std::string("***"));
    }
    std::replace_if(
        text.begin(), text.end(), [](char c) { return static_cast<unsigned char>(c) < 0x20; }, ' ');
    text.erase(std::unique(text.begin(), text.end(), [](char a, char b) { return a == ' ' && b == ' '; }), text.end());
    if (text.size() > maxMessageOctets) text = text.substr(0, maxMessageOctets) + "...";
    return Poco::trim(text);
}

Connection::Connection(Target target) : _target(std::move(target)) {
    registerConnectors();
}

void Connection::open() {
    try {
        openSession();
        _isOpen = true;
        limitTime();
    } catch (const Poco::Exception& e) {
        throw Unreachable(_target.tidied(e.displayText()));
    }
}

void Connection::close() {
    if (_isOpen) _session.reset();
    _isOpen = false;
}

void Connection::openSession() {
    switch (_target.database) {
        case Database::Sqlite: {
            struct stat status {};
            if (::stat(_target.connection.c_str(), &status) != 0) throw Unreachable(_target.fault());
            _device = status.st_dev;
            _inode = status.st_ino;
            break;
        }
        case Database::PostgreSql:
            // Poco 1.11 never frees a connection that could not be made, nor one that broke, 12 KiB each: so one that
            // broke is made anew in place, and whether one can be made is tried before.
            if (_session) {
                auto* session = dynamic_cast<Poco::Data::PostgreSQL::SessionImpl*>(_session->impl());
                if (session == nullptr) throw Unreachable("not a session of PostgreSQL");
                if (session->handle().reset()) return;
                throw Unreachable(_target.tidied(PQerrorMessage(session->handle())));
            }
            probePostgreSql();
            break;
        case Database::MySql:
        case Database::Odbc:
            break;
    }
    _session.reset();
    _session.emplace(connectorOf(_target.database), connectionTextOf(_target),
                     static_cast<std::size_t>(_target.timeoutSeconds));
}

void Connection::probePostgreSql() const {
    const std::unique_ptr<PGconn, void (*)(PGconn*)> probe(PQconnectdb(connectionTextOf(_target).c_str()), PQfinish);
    if (!probe) throw Unreachable("out of memory");
    if (PQstatus(probe.get()) != CONNECTION_OK) throw Unreachable(_target.tidied(PQerrorMessage(probe.get())));
}

// So that a query which nobody waits for any more ends; whoever asks waits no longer in any case.
void Connection::limitTime() {
    using Poco::Data::Keywords::now;
    const std::string seconds = std::to_string(_target.timeoutSeconds);
    switch (_target.database) {
        case Database::Sqlite:
            _session->setConnectionTimeout(static_cast<std::size_t>(_target.timeoutSeconds));
            break;
        case Database::PostgreSql:
            *_session << "SET statement_timeout = " + seconds + "000", now;
            break;
        case Database::MySql:
            try {
                *_session << "SET SESSION max_statement_time = " + seconds, now;
            } catch (const Poco::Exception&) {
                // MySQL has another name than MariaDB for it.
                *_session << "SET SESSION max_execution_time = " + seconds + "000", now;
            }
            break;
        case Database::Odbc:
            try {
                _session->setProperty("queryTimeout", _target.timeoutSeconds);
            } catch (const Poco::Exception&) {
                // Not every driver has it.
            }
            break;
    }
}

void Connection::refuseReplacedFile() {
    struct stat status {};
    const bool isSame =
        ::stat(_target.connection.c_str(), &status) == 0 && status.st_dev == _device && status.st_ino == _inode;
    if (!isSame) throw std::runtime_error("the file was replaced");
}

Answer Connection::ask(const Query& query, const std::string& user) {
    try {
        if (_target.database == Database::Sqlite) refuseReplacedFile();
        return askSession(query, user);
    } catch (const Poco::Exception& e) {
        // Only PostgreSQL's connector knows whether it is the connection that failed.
        _isOpen = _target.database == Database::PostgreSql && _session->isConnected();
        throw std::runtime_error(_target.tidied(e.displayText()));
    } catch (const std::exception&) {
        _isOpen = false;
        throw;
    }
}

Answer Connection::askSession(const Query& query, const std::string& user) {
    using namespace Poco::Data::Keywords;
    std::vector<std::string> values = query.valuesFor(user);
    Poco::Data::Statement statement(*_session);
    statement << query.sql;
    for (std::string& value : values) statement, use(value);
    statement, limit(2);
    statement.execute();
    const Poco::Data::RecordSet records(statement);
    Answer answer;
    for (std::size_t column = 0; column < records.columnCount(); ++column) {
        answer.columns.push_back(Poco::toLower(records.columnName(column)));
    }
    for (std::size_t number = 0; number < records.rowCount() && number < 2; ++number) {
        Row row;
        for (std::size_t column = 0; column < answer.columns.size(); ++column) {
            row.emplace_back(answer.columns[column], textOf(records.value(column, number)));
        }
        answer.rows.push_back(std::move(row));
    }
    return answer;
}

}  // namespace maildock::sql
