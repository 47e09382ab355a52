// SPDX-License-Identifier: Apache-2.0
package dev.knarr.os;

import com.sun.jna.LastErrorException;
import com.sun.jna.Native;
import com.sun.jna.NativeLibrary;

/** The C library's functions under their own names; addresses are {@code long}. */
final class LibC {
  static final int PR_SET_PDEATHSIG = 1;
  static final int RLIMIT_CORE = 4;
  static final int SIG_SETMASK = 2;

  /**
   * {@code close_range(2)}, the same number on every architecture; the C library's function is
   * newer than the call.
   */
  static final long SYS_CLOSE_RANGE = 436;

  static final long CLOSE_RANGE_CLOEXEC = 4;

  static {
    // The process itself: it is the C library the JVM runs with, whichever loader started it.
    Native.register(LibC.class, NativeLibrary.getProcess());
  }

  private LibC() {}

  static native int prctl(
      int option, long argument2, long argument3, long argument4, long argument5)
      throws LastErrorException;

  static native int getpid();

  static native int getppid();

  static native int getsid(int pid) throws LastErrorException;

  static native int setsid() throws LastErrorException;

  static native int setrlimit(int resource, long limits) throws LastErrorException;

  static native int pthread_sigmask(int how, long set, long oldSet);

  static native long syscall(long number, long argument1, long argument2, long argument3);

  static native int execve(long path, long arguments, long environment) throws LastErrorException;
}
