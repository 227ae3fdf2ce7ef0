// The program `maildock`: reads the command line and runs what it asks for.
#include <Poco/Exception.h>
#include <Poco/Util/Application.h>
#include <malloc.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include <exception>
#include <iostream>

#include "modules/api/Version.h"
#include "modules/maildock/AuthCommands.h"
#include "modules/maildock/CheckCommand.h"
#include "modules/maildock/CommandLine.h"
#include "modules/maildock/PreauthCommand.h"
#include "modules/maildock/Server.h"
#include "modules/maildock/Signals.h"

namespace {

using maildock::CommandLine;
using Poco::Util::Application;

// Buffers for a large mailbox take each other's memory, instead of each being mapped anew, page by page; what is free
// at the end of an arena goes back to the system, but for a little. (Left alone, malloc comes to such sizes by itself,
// but not before the first of such buffers was freed, and then keeps more.)
void tuneAllocator() {
    ::mallopt(M_MMAP_THRESHOLD, 32 << 20);
    ::mallopt(M_TRIM_THRESHOLD, 4 << 20);
    ::mallopt(M_TOP_PAD, 1 << 20);
}

// Every parked session is an open file: use all that the administrator allows.
void raiseFileLimit() {
    rlimit limit{};
    if (::getrlimit(RLIMIT_NOFILE, &limit) != 0) return;
    limit.rlim_cur = limit.rlim_max;
    ::setrlimit(RLIMIT_NOFILE, &limit);
}

int serve(const std::string& configFile, const std::string& program) {
    maildock::Signals::block();
    raiseFileLimit();
    maildock::Server server(configFile);
    return server.run({program});
}

int run(const CommandLine& line, const std::string& program) {
    switch (line.action) {
        case CommandLine::Action::Serve:
            return serve(line.configFile, program);
        case CommandLine::Action::Preauthenticated:
            return maildock::servePreauthenticated(line.configFile, line.user);
        case CommandLine::Action::Check:
            return maildock::checkConfiguration(line.configFile, std::cout);
        case CommandLine::Action::ListKeys:
            return maildock::listKeys(line.configFile, std::cout);
        case CommandLine::Action::Passwd:
            return maildock::makePassword(line.scheme, line.user, line.usersFile, std::cout);
        case CommandLine::Action::AuthTest:
            return maildock::testUser(line.configFile, line.user, line.proof, std::cout);
        case CommandLine::Action::Version:
            std::cout << "maildock " << MAILDOCK_VERSION << " (interface version " << maildock::interfaceVersion
                      << ")\n";
            return Application::EXIT_OK;
        case CommandLine::Action::Help:
            std::cout << CommandLine::help();
            return Application::EXIT_OK;
        case CommandLine::Action::Mistake:
            break;
    }
    std::cerr << "maildock: " << line.mistake << " (maildock --help tells more)\n";
    return Application::EXIT_USAGE;
}

}  // namespace

int main(int argc, char** argv) {
    ::umask(0077);
    tuneAllocator();
    try {
        return run(CommandLine::parse({argv + (argc > 0 ? 1 : 0), argv + argc}), argc > 0 ? argv[0] : "maildock");
    } catch (const Poco::Exception& e) {
        std::cerr << "maildock: " << e.displayText() << std::endl;
    } catch (const std::exception& e) {
        std::cerr << "maildock: " << e.what() << std::endl;
    }
    return Application::EXIT_SOFTWARE;
}
