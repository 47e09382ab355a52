// SPDX-License-Identifier: Apache-2.0
package dev.knarr.operator.dependent;

import io.fabric8.kubernetes.api.model.HasMetadata;

/** An object of a name that is needed belongs to somebody else; it is left as it is. */
public final class NameTakenException extends RuntimeException {
  private static final long serialVersionUID = 1L;

  private final String kind;
  private final String name;
  private final String owner;

  private NameTakenException(String kind, String name, String owner) {
    super(
        "%s %s is needed and belongs to %s. Remove or rename it, or give the cluster another name."
            .formatted(kind, name, owner));
    this.kind = kind;
    this.name = name;
    this.owner = owner;
  }

  /** For an object that was found where one of ours should be. */
  public static NameTakenException of(HasMetadata found) {
    var owner =
        found.getMetadata().getOwnerReferences().stream()
            .findFirst()
            .map(reference -> reference.getKind() + " " + reference.getName())
            .orElse("somebody else");
    return new NameTakenException(found.getKind(), found.getMetadata().getName(), owner);
  }

  /** Such as Secret. */
  public String kind() {
    return kind;
  }

  /** The object's. */
  public String name() {
    return name;
  }

  /** Kind and name of the object's owner, or "somebody else". */
  public String owner() {
    return owner;
  }
}
