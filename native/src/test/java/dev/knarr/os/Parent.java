// SPDX-License-Identifier: Apache-2.0
package dev.knarr.os;

import java.io.IOException;
import java.nio.file.Path;
import java.util.List;

/**
 * A parent to be killed: starts {@code sleep} tied to itself, prints its process id, and waits for
 * ever.
 */
final class Parent {
  private Parent() {}

  public static void main(String[] args) throws IOException, InterruptedException {
    List<String> command =
        TiedExec.command(Path.of(args[0]), List.of(args).subList(1, args.length));
    Process child = new ProcessBuilder(command).inheritIO().start();
    System.out.println(child.pid());
    System.exit(child.waitFor());
  }
}
