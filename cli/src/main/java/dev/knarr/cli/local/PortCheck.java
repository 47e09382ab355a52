// SPDX-License-Identifier: Apache-2.0
package dev.knarr.cli.local;

import java.io.IOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.ServerSocket;
import java.nio.charset.StandardCharsets;
import java.nio.file.DirectoryStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Collections;
import java.util.HashSet;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.regex.Pattern;

/** Finds out before anything is started whether the endpoint's port can be had. */
final class PortCheck {
  private static final String LISTENING = "0A";
  private static final Pattern LOADER = Pattern.compile("ld-(linux|musl)|ld\\.so|ld64\\.so");

  /** Those of glibc's ld.so(8). */
  private static final Set<String> LOADER_OPTIONS_WITH_VALUE =
      Set.of(
          "--library-path",
          "--argv0",
          "--preload",
          "--audit",
          "--inhibit-rpath",
          "--glibc-hwcaps-prepend",
          "--glibc-hwcaps-mask");

  private PortCheck() {}

  /**
   * The port to use: {@code port}, or a free one where it is 0. It is settled here, so that the
   * endpoint stays the same when llama-server is started again.
   *
   * @throws LocalException where it is taken, naming who has it where that can be known
   */
  static int requireFree(int port) {
    try (var socket = new ServerSocket()) {
      socket.bind(new InetSocketAddress(InetAddress.getLoopbackAddress(), port));
      return socket.getLocalPort();
    } catch (IOException e) {
      var holder = holder(port);
      throw new LocalException(
          "Port %d of this machine cannot be used for the endpoint: %s. End %s, or choose another port with --port (0 takes any free one)."
              .formatted(
                  port,
                  holder
                      .map(name -> name + " listens on it")
                      .orElse(String.valueOf(e.getMessage())),
                  holder.isPresent() ? "it" : "the program that has it"),
          e);
    }
  }

  /** The program that listens on {@code port}, as far as this user may look. */
  static Optional<String> holder(int port) {
    var inodes = new HashSet<String>();
    for (var table : new String[] {"/proc/net/tcp", "/proc/net/tcp6"}) {
      try {
        Files.readAllLines(Path.of(table)).stream()
            .skip(1)
            .map(line -> line.strip().split("\\s+"))
            .filter(fields -> fields.length > 9 && fields[3].equals(LISTENING))
            .filter(fields -> Integer.parseInt(fields[1].replaceAll(".*:", ""), 16) == port)
            .forEach(fields -> inodes.add("socket:[" + fields[9] + "]"));
      } catch (IOException | NumberFormatException e) {
        // Not Linux, or not allowed: the message does without the name.
      }
    }
    return inodes.isEmpty()
        ? Optional.empty()
        : ProcessHandle.allProcesses()
            .filter(process -> hasOpen(process.pid(), inodes))
            .findFirst()
            .map(process -> describe(process.pid()));
  }

  private static boolean hasOpen(long pid, Set<String> sockets) {
    try (DirectoryStream<Path> files =
        Files.newDirectoryStream(Path.of("/proc", Long.toString(pid), "fd"))) {
      for (var file : files) {
        if (sockets.contains(Files.readSymbolicLink(file).toString())) {
          return true;
        }
      }
    } catch (IOException e) {
      return false; // Another user's process, or one that has just ended.
    }
    return false;
  }

  private static String describe(long pid) {
    var folder = Path.of("/proc", Long.toString(pid));
    try {
      var name = Files.readString(folder.resolve("comm")).strip();
      var command =
          List.of(
              Files.readString(folder.resolve("cmdline"), StandardCharsets.ISO_8859_1).split("\0"));
      if (isHead(command)) {
        name = "the head of another knarr";
      } else if (LOADER.matcher(name).lookingAt()) {
        name = behindLoader(command).orElse(name);
      }
      return "%s (process %d)".formatted(name, pid);
    } catch (IOException e) {
      return "process " + pid;
    }
  }

  /** Whether it is a head, which runs in a java like many others. */
  static boolean isHead(List<String> command) {
    return Collections.indexOfSubList(command, List.of("head", "--config")) > 0;
  }

  /** The program that a loader was told to run: Knarr's own llama.cpp is started that way. */
  static Optional<String> behindLoader(List<String> command) {
    for (int i = 1; i < command.size(); i++) {
      var argument = command.get(i);
      if (!argument.startsWith("--")) {
        return Optional.of(argument.substring(argument.lastIndexOf('/') + 1));
      }
      if (LOADER_OPTIONS_WITH_VALUE.contains(argument)) {
        i++;
      }
    }
    return Optional.empty();
  }
}
