/** Tests of {@code dev.knarr.operator.reconcile}. */
@NullMarked
package dev.knarr.operator.reconcile;

import org.jspecify.annotations.NullMarked;
