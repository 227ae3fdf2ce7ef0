#include <Poco/ClassLibrary.h>

#include "plugins/auth-master/MasterAuthenticator.h"

MAILDOCK_LIBRARY("authenticator")

POCO_BEGIN_MANIFEST(maildock::Authenticator)
POCO_EXPORT_CLASS(maildock::master::MasterAuthenticator)
POCO_END_MANIFEST
