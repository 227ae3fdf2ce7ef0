#include "plugins/auth-ldap/Searcher.h"

namespace maildock::ldap {

using Purpose = Connection::Purpose;

Searcher::Pools::Pools(const std::shared_ptr<const Directory>& directory)
    : passwords(directory->passwords),
      searches([directory] { return std::make_unique<Connection>(directory, Purpose::Search); }),
      binds([directory] { return std::make_unique<Connection>(directory, Purpose::Bind); }) {}

Found Searcher::Pools::find(const std::string& user, const std::optional<std::string>& password) {
    Found found;
    std::vector<Entry> entries = searches.use([&user](Connection& connection) { return connection.find(user); });
    if (entries.empty()) {
        found.reason = "no such user in the directory";
        return found;
    }
    if (entries.size() > 1) {
        found.outcome = Outcome::TemporaryFailure;
        found.reason = "the filter finds more than one entry";
        return found;
    }
    found.entry = std::move(entries.front());
    found.outcome = Outcome::Success;
    if (password && passwords == Passwords::Compare) {
        found.proof =
            searches.use([&](Connection& connection) { return connection.compare(found.entry.dn, *password); });
    } else if (password) {
        found.proof = binds.use([&](Connection& connection) { return connection.bind(found.entry.dn, *password); });
    }
    return found;
}

Searcher::Searcher(std::shared_ptr<const Directory> directory, std::size_t connections)
    : _timeout(directory->timeoutSeconds),
      _pools(std::make_shared<Pools>(directory)),
      _calls(connections, _timeout, [pools = _pools] {
          pools->searches.closeIdle(common::BoundedCalls::idleTime);
          pools->binds.closeIdle(common::BoundedCalls::idleTime);
      }) {}

Found Searcher::find(const std::string& user, const std::optional<std::string>& password) {
    const auto failure = [](const std::string& reason, bool isUnreachable) {
        Found found;
        found.outcome = Outcome::TemporaryFailure;
        found.reason = reason;
        found.isUnreachable = isUnreachable;
        return found;
    };
    auto found = _calls.ask<Found>([pools = _pools, user, password, failure] {
        try {
            return pools->find(user, password);
        } catch (const Unreachable& e) {
            return failure(std::string("the directory can't be asked: ") + e.what(), true);
        } catch (const std::exception& e) {
            return failure(std::string("the directory does not answer as it should: ") + e.what(), false);
        }
    });
    if (found) return std::move(*found);
    return failure("the directory can't be asked: no answer within " + std::to_string(_timeout.count()) + " s", true);
}

}  // namespace maildock::ldap
