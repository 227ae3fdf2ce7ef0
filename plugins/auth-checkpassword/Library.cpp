#include <Poco/ClassLibrary.h>

#include "plugins/auth-checkpassword/CheckpasswordAuthenticator.h"

MAILDOCK_LIBRARY("authenticator")

POCO_BEGIN_MANIFEST(maildock::Authenticator)
POCO_EXPORT_CLASS(maildock::checkpassword::CheckpasswordAuthenticator)
POCO_END_MANIFEST
