#include <Poco/ClassLibrary.h>

#include "plugins/auth-sql/SqlAuthenticator.h"

MAILDOCK_LIBRARY("authenticator")

POCO_BEGIN_MANIFEST(maildock::Authenticator)
POCO_EXPORT_CLASS(maildock::sql::SqlAuthenticator)
POCO_END_MANIFEST
