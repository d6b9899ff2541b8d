# librredis for CMake: find_package(rredis), and then the target rredis::rredis (shared) or rredis::rredis_static. It finds
# the library by its own place, so that the installed tree may be moved.
get_filename_component(_rredis_here "${CMAKE_CURRENT_LIST_FILE}" REALPATH)
get_filename_component(_rredis_here "${_rredis_here}" DIRECTORY)
get_filename_component(_rredis_include "${_rredis_here}/@INCLUDE@" ABSOLUTE)
get_filename_component(_rredis_lib "${_rredis_here}/../.." ABSOLUTE)

if(NOT TARGET rredis::rredis AND EXISTS "${_rredis_lib}/librredis.so.1")
  add_library(rredis::rredis SHARED IMPORTED)
  set_target_properties(rredis::rredis PROPERTIES
    IMPORTED_LOCATION "${_rredis_lib}/librredis.so.1"
    IMPORTED_SONAME "librredis.so.1"
    INTERFACE_INCLUDE_DIRECTORIES "${_rredis_include}")
endif()
if(NOT TARGET rredis::rredis_static AND EXISTS "${_rredis_lib}/librredis.a")
  add_library(rredis::rredis_static STATIC IMPORTED)
  set_target_properties(rredis::rredis_static PROPERTIES
    IMPORTED_LOCATION "${_rredis_lib}/librredis.a"
    IMPORTED_LINK_INTERFACE_LANGUAGES "C"
    INTERFACE_LINK_LIBRARIES "@PRIVATE@"
    INTERFACE_INCLUDE_DIRECTORIES "${_rredis_include}")
endif()
unset(_rredis_here)
unset(_rredis_include)
unset(_rredis_lib)
