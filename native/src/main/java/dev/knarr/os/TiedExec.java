// SPDX-License-Identifier: Apache-2.0
package dev.knarr.os;

import com.sun.jna.Native;
import java.io.File;
import java.io.IOException;
import java.net.URI;
import java.net.URL;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.stream.Stream;

/**
 * A program of its own: {@code java … dev.knarr.os.TiedExec PARENT_PID PROGRAM ARGS…} ties itself
 * to its parent and becomes PROGRAM, which then dies with the parent, whatever kills that one. It
 * exits with 127 where PROGRAM cannot be executed, and with 125 where the parent has gone already.
 */
public final class TiedExec {
  private static final int PARENT_GONE = 125;
  private static final int CANNOT_EXECUTE = 127;

  private TiedExec() {}

  /**
   * The command line that starts {@code program} tied to this process. Start it from a platform
   * thread that lives as long as the child shall: the tie is to that thread. The child's process id
   * is the program's.
   */
  public static List<String> command(Path program, List<String> arguments) {
    // java.home's own java: this JVM may have been started through the loader of another C library,
    // which is then what "the current command" names.
    String java = Path.of(System.getProperty("java.home"), "bin", "java").toString();
    String classPath =
        Stream.of(TiedExec.class, Native.class)
            .map(TiedExec::origin)
            .distinct()
            .map(Path::toString)
            .reduce((a, b) -> a + File.pathSeparator + b)
            .orElseThrow();
    List<String> command =
        new ArrayList<>(
            List.of(
                java,
                "-XX:TieredStopAtLevel=1",
                "-XX:+UseSerialGC",
                "-Xshare:auto",
                "-Xmx32m",
                "--enable-native-access=ALL-UNNAMED",
                "-cp",
                classPath,
                TiedExec.class.getName(),
                Long.toString(ProcessHandle.current().pid()),
                program.toString()));
    command.addAll(arguments);
    return List.copyOf(command);
  }

  /**
   * Ties this process and becomes the program; the arguments are the parent's process id, the
   * program and its arguments.
   */
  public static void main(String[] args) {
    if (args.length < 2) {
      System.err.println("usage: TiedExec PARENT_PID PROGRAM [ARGUMENT]...");
      System.exit(2);
    }
    long parent = Long.parseLong(args[0]);
    Path program = resolve(args[1]);
    // All of it on this thread: the signal of the thread that executes is the one that is kept.
    ProcessTies.dieWithParent(ProcessTies.SIGKILL);
    if (ProcessTies.parentId() != parent) {
      System.err.println("Process " + parent + ", which asked for " + program + ", has ended");
      System.exit(PARENT_GONE);
    }
    // A Ctrl-C in the parent's terminal is for the parent, which then ends its children in order.
    ProcessTies.startSession();
    ProcessTies.noCoreDumps();
    try {
      ProcessTies.exec(program, List.of(args).subList(1, args.length), System.getenv());
    } catch (IOException e) {
      System.err.println(e.getMessage());
      System.exit(CANNOT_EXECUTE);
    }
  }

  private static Path resolve(String program) {
    if (program.contains("/")) {
      return Path.of(program);
    }
    return Stream.of(Optional.ofNullable(System.getenv("PATH")).orElse("").split(":"))
        .map(directory -> Path.of(directory, program))
        .filter(Files::isExecutable)
        .findFirst()
        .orElse(Path.of(program));
  }

  /** The jar or directory a class came from, whichever class loader it was. */
  private static Path origin(Class<?> type) {
    String resource = "/" + type.getName().replace('.', '/') + ".class";
    URL url = type.getResource(resource);
    if (url == null) {
      throw new IllegalStateException("Cannot tell where " + type.getName() + " was loaded from");
    }
    String text = url.toString().substring(0, url.toString().length() - resource.length());
    if (text.startsWith("jar:") && text.endsWith("!")) {
      text = text.substring("jar:".length(), text.length() - 1);
    }
    return Path.of(URI.create(text));
  }
}
