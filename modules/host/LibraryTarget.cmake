# maildock_library(TARGET FOLDER NAME SOURCES...): a module or plugin, built into lib/maildock/<FOLDER>/<NAME>.so, that
# exports its manifest alone. FOLDER is "modules" or "plugins".
function(maildock_library target folder name)
    set(exports ${CMAKE_CURRENT_FUNCTION_LIST_DIR}/exports.map)
    add_library(${target} MODULE ${ARGN})
    target_link_libraries(${target} PRIVATE modules_api Poco::Foundation)
    set_target_properties(${target} PROPERTIES
        PREFIX "" OUTPUT_NAME ${name}
        LIBRARY_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/lib/maildock/${folder}
        LINK_DEPENDS ${exports})
    target_link_options(${target} PRIVATE -Wl,--version-script=${exports} -Wl,-z,now)
    if(NOT MAILDOCK_SANITIZE AND NOT MAILDOCK_FUZZ)
        target_link_options(${target} PRIVATE -Wl,-z,defs)
    endif()
    install(TARGETS ${target} LIBRARY DESTINATION lib/maildock/${folder})
endfunction()
