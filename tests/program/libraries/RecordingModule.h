// A module for the program's tests: it writes what it is told to do into a file.
#pragma once

#include <Poco/Logger.h>

#include <fstream>
#include <stdexcept>

#include "modules/api/Module.h"

namespace maildock::test {

class RecordingModule : public Module {
public:
    [[nodiscard]] std::vector<KeySpec> keys() const override {
        return {
            {"test.record", KeyKind::Path, "", "Where the calls are written.", {}, {}, {}},
            {"test.listen", KeyKind::Address, "127.0.0.1:0", "An address.", {}, {}, {}},
            {"test.limit", KeyKind::Number, "7", "A number.", {}, 1, 100},
            {"test.delay", KeyKind::Seconds, "1m", "A time.", {}, {}, {}},
            {"test.family.*", KeyKind::Boolean, "false", "A family.", {}, {}, {}},
            {"test.fails", KeyKind::Choice, "never", "When to fail.", {"never", "check", "start", "reload"}, {}, {}},
            {"tls.certificate", KeyKind::Path, "", "The certificate.", {}, {}, {}},
            {"tls.key", KeyKind::Path, "", "The private key.", {}, {}, {}}};
    }

    [[nodiscard]] std::vector<Finding> check(const Settings& settings) const override {
        if (settings.text("test.fails") != "check") return {};
        return {{Finding::Error, "test.fails", "this value fails every check"}};
    }

    void start(std::shared_ptr<const Environment> environment) override { take("start", *environment); }
    void reload(std::shared_ptr<const Environment> environment) override { take("reload", *environment); }
    void stop(int timeoutSeconds) override { write("stop " + std::to_string(timeoutSeconds)); }

private:
    void take(const std::string& event, const Environment& environment) {
        const Settings& settings = *environment.settings;
        if (settings.text("test.fails") == event) throw std::runtime_error("told to fail at " + event);
        _record = settings.path("test.record");
        std::string names;
        for (const NamedAuthenticator& one : environment.authenticators) names += " " + one.name;
        write(event + " limit=" + std::to_string(settings.number("test.limit")) + " auth=" + names);
        environment.logger->information("event " + event + "\r\nforged");
    }

    void write(const std::string& line) const { std::ofstream(_record, std::ios::app) << line << std::endl; }

    std::string _record;
};

}  // namespace maildock::test
