// SPDX-License-Identifier: Apache-2.0
package dev.knarr.os;

import com.sun.jna.LastErrorException;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;

/**
 * What ties this process to others, or unties it. Each call concerns the whole process unless it
 * says otherwise.
 */
public final class ProcessTies {
  /** The signal that cannot be caught. */
  public static final int SIGKILL = 9;

  /** The signal that asks to stop. */
  public static final int SIGTERM = 15;

  private ProcessTies() {}

  /**
   * Makes this process the leader of a session of its own, so that Ctrl-C in a terminal does not
   * reach it; does nothing where it is one.
   */
  public static void startSession() {
    int pid = LibC.getpid();
    if (LibC.getsid(0) == pid) {
      return;
    }
    try {
      LibC.setsid();
    } catch (LastErrorException e) {
      throw new IllegalStateException(
          "Process "
              + pid
              + " cannot start a session: it leads a process group, as a shell's job does",
          e);
    }
  }

  /**
   * Has the kernel send {@code signal} to this process when its parent ends. The tie belongs to the
   * calling thread here and to the <em>thread</em> that started this process there: what is
   * executed next must be executed by this thread, and the parent must start it from a platform
   * thread that lives as long.
   */
  public static void dieWithParent(int signal) {
    LibC.prctl(LibC.PR_SET_PDEATHSIG, signal, 0, 0, 0);
  }

  /**
   * The parent's process id as of now; another one than expected means that the parent has ended.
   */
  public static long parentId() {
    return LibC.getppid();
  }

  /** Forbids core files: one of a process with a model in memory fills a disk. */
  public static void noCoreDumps() {
    try (Arena scratch = Arena.ofConfined()) {
      LibC.setrlimit(LibC.RLIMIT_CORE, scratch.allocate(16, 8).address());
    }
  }

  /**
   * Becomes another program, which takes over this process's id, standard streams, session and
   * ties, and nothing else that is open. Returns only by an exception.
   *
   * @param program the file; no search path is used
   * @param arguments all arguments, the program's name first
   * @param environment the whole environment
   */
  public static void exec(Path program, List<String> arguments, Map<String, String> environment)
      throws IOException {
    try (Arena scratch = Arena.ofConfined()) {
      long path = scratch.allocateFrom(program.toString()).address();
      long argv = strings(scratch, arguments);
      long envp =
          strings(
              scratch,
              environment.entrySet().stream()
                  .map(entry -> entry.getKey() + "=" + entry.getValue())
                  .toList());
      // The JVM blocks signals in its threads, and the mask would be inherited.
      LibC.pthread_sigmask(LibC.SIG_SETMASK, scratch.allocate(128, 8).address(), 0);
      LibC.syscall(LibC.SYS_CLOSE_RANGE, 3, 0xffffffffL, LibC.CLOSE_RANGE_CLOEXEC);
      LibC.execve(path, argv, envp);
    } catch (LastErrorException e) {
      throw new IOException("Cannot execute " + program + ": " + e.getMessage(), e);
    }
  }

  /** A NULL-terminated array of C strings. */
  private static long strings(Arena arena, List<String> values) {
    MemorySegment array = arena.allocate(ValueLayout.ADDRESS, values.size() + 1L);
    for (int i = 0; i < values.size(); i++) {
      array.setAtIndex(ValueLayout.ADDRESS, i, arena.allocateFrom(values.get(i)));
    }
    return array.address();
  }
}
