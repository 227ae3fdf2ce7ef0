// modules/stranger.so: a library that is none of ours.
extern "C" int stranger() {
    return 1;
}
