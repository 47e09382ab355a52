// SPDX-License-Identifier: Apache-2.0
package dev.knarr.cli.local;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.ArrayList;
import java.util.List;
import java.util.regex.Pattern;

/** Reads on in a log that another process writes. Called by one thread. */
final class LogTail {
  /**
   * What a reader must act on or look at later; as our own log format and llama-server write it.
   */
  private static final Pattern WARNING_OR_ERROR =
      Pattern.compile("^\\S+ (WARN |ERROR|FATAL)|^(\\S+ )?[WE] |^(error|fatal|warning)\\b.*");

  private static final int MOST_BYTES = 256 * 1024;
  private static final int LAST_BYTES = 16 * 1024;

  private final Path log;
  private long position;

  LogTail(Path log) {
    this.log = log;
  }

  /** Leaves out what is in the log already. */
  static LogTail fromNowOn(Path log) {
    var tail = new LogTail(log);
    try {
      tail.position = Files.exists(log) ? Files.size(log) : 0;
    } catch (IOException e) {
      // From its beginning, then.
    }
    return tail;
  }

  /** Whole lines that were written since the last call and tell of trouble. */
  List<String> warnings() {
    var found = new ArrayList<String>();
    if (!Files.exists(log)) {
      return found;
    }
    try (var channel = FileChannel.open(log, StandardOpenOption.READ)) {
      position = Math.min(position, channel.size()); // Somebody may have emptied it.
      var buffer = ByteBuffer.allocate((int) Math.min(MOST_BYTES, channel.size() - position));
      int read = channel.read(buffer, position);
      if (read <= 0) {
        return found;
      }
      var bytes = buffer.array();
      int end = read;
      while (end > 0 && bytes[end - 1] != '\n') {
        end--; // The last line may still be growing.
      }
      position += end == 0 && read == MOST_BYTES ? read : end;
      new String(bytes, 0, end, StandardCharsets.UTF_8)
          .lines()
          .filter(line -> WARNING_OR_ERROR.matcher(line).find())
          .forEach(found::add);
    } catch (IOException e) {
      // A log that cannot be read is no reason to stop a cluster that serves.
    }
    return found;
  }

  /** The last lines of a log, for the message about a process that ended. */
  static List<String> last(Path log, int lines) {
    try (var channel = FileChannel.open(log, StandardOpenOption.READ)) {
      var end = ByteBuffer.allocate((int) Math.min(LAST_BYTES, channel.size()));
      channel.read(end, channel.size() - end.capacity());
      // Not Files.readAllLines: a log may be large, and not all of it need be text.
      var all = new String(end.array(), 0, end.position(), StandardCharsets.UTF_8).lines().toList();
      return List.copyOf(all.subList(Math.max(0, all.size() - lines), all.size()));
    } catch (IOException e) {
      return List.of();
    }
  }
}
