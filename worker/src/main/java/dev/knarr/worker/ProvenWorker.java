// SPDX-License-Identifier: Apache-2.0
package dev.knarr.worker;

import jakarta.inject.Singleton;
import java.util.Optional;
import org.jspecify.annotations.Nullable;

/** The process's worker from the moment that its devices are proven until it stops. Any thread. */
@Singleton
class ProvenWorker {
  private volatile @Nullable Worker worker;

  Optional<Worker> get() {
    return Optional.ofNullable(worker);
  }

  void set(Worker proven) {
    worker = proven;
  }

  void clear() {
    worker = null;
  }
}
