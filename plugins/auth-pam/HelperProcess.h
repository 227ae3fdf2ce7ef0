// The helper process as the server sees it. Any thread. Shared by the plugin's objects: a reload makes a new one, and
// only the first was made while the server had all its rights.
#pragma once

#include <sys/types.h>

#include <chrono>
#include <memory>
#include <mutex>
#include <string>

#include "plugins/common/ChildProcess.h"

namespace maildock::pam {

class HelperProcess {
public:
    // The one that is there, if it is for this service of PAM; else a new one, which has the rights that the server has
    // now. Throws std::runtime_error with a text for the admin if it would have fewer than the one that is there.
    [[nodiscard]] static std::shared_ptr<HelperProcess> of(const std::string& program, const std::string& service,
                                                           const std::string& folder);

    // Throws std::system_error.
    HelperProcess(std::string program, std::string service, std::string folder);
    // Ends it.
    ~HelperProcess();
    HelperProcess(const HelperProcess&) = delete;
    HelperProcess& operator=(const HelperProcess&) = delete;

    // A socket to somebody who answers one question (see Protocol.h), not later than after this time. One that ended is
    // started anew, if it would have the same rights. Throws std::exception.
    [[nodiscard]] common::Descriptor open(std::chrono::seconds timeout);

private:
    void start();                                           // _mutex is held, or nobody else knows the object
    [[nodiscard]] bool give(int socket, unsigned seconds);  // likewise; false: it is not there any more

    const std::string _program, _service, _folder;
    const uid_t _uid;   // of the helper
    std::mutex _mutex;  // guards what follows
    common::Descriptor _control;
    std::unique_ptr<common::ChildProcess> _process;
};

}  // namespace maildock::pam
