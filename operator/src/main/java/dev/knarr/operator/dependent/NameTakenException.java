// SPDX-License-Identifier: Apache-2.0
package dev.knarr.operator.dependent;

import dev.knarr.api.v1alpha1.ConditionReason;
import io.fabric8.kubernetes.api.model.HasMetadata;

/** An object of a name that a cluster needs belongs to somebody else, and is left alone. */
public final class NameTakenException extends RefusedException {
  private static final long serialVersionUID = 1L;

  private final String kind;
  private final String name;
  private final String owner;

  private NameTakenException(String kind, String name, String owner) {
    super(
        ConditionReason.NAME_TAKEN,
        "There is a %s named %s already, and it belongs to %s. Rename the cluster, or remove that object if nobody needs it."
            .formatted(kind, name, owner),
        null);
    this.kind = kind;
    this.name = name;
    this.owner = owner;
  }

  /** For an object that was found where one of ours should be. */
  public static NameTakenException of(HasMetadata taken) {
    return new NameTakenException(taken.getKind(), taken.getMetadata().getName(), owner(taken));
  }

  private static String owner(HasMetadata taken) {
    return taken.getMetadata().getOwnerReferences().stream()
        .findFirst()
        .map(reference -> "%s %s".formatted(reference.getKind(), reference.getName()))
        .orElse("nobody that Knarr knows");
  }

  /** The kind of the object. */
  public String kind() {
    return kind;
  }

  /** The object. */
  public String name() {
    return name;
  }

  /** Whose it is, as far as its owner references say. */
  public String owner() {
    return owner;
  }
}
